/** Words for codes: errors, roles, kinds, states. The server's title is already in the reader's language. */
import type {
  AgentState,
  CommandState,
  Device,
  PassageItem,
  Problem,
  Session,
  User,
} from '@travessia/schemas/api'
import type { CommandName, Safety } from '@travessia/schemas/commands'
import type { FeedKind } from '@travessia/schemas/feeds'
import type { TurnDirection } from '@travessia/schemas/passages'
import type { HoldBody } from '@travessia/schemas/retention'
import { ApiError, givenUp, noNetwork } from './api.ts'
import { sensorText } from './heaters.ts'
import { m } from './paraglide/messages.js'
import { getLocale } from './paraglide/runtime.js'
import { shortTime } from './time.ts'

export function errorSentence(error: unknown): string {
  if (!(error instanceof ApiError)) return m.error_unexpected()
  if (error.code === noNetwork) return m.error_no_network()
  if (error.code === givenUp) return m.error_given_up()
  return error.problem.title || m.error_unexpected()
}

/** What a person calls what the server says is not as it should be: `/name` is the field of that name. */
const fields: Readonly<Record<string, () => string>> = {
  '/name': m.name,
  '/tenantName': m.company,
  '/email': m.email,
  '/password': m.password,
  '/baseUrl': m.device_address,
  '/path': m.request_path,
}

/** @returns undefined: it is about no field that has a name here */
export function fieldOf({ at = '' }: Problem): string | undefined {
  return fields[at]?.()
}

const makes: Partial<Record<Device['driver'], string>> = {
  'control-id': 'Control iD',
  octoprint: 'OctoPrint',
  moonraker: 'Klipper',
  marlin: 'Marlin',
}

/** Brand and line of the device, as people know it; the kind when only its page is known. */
export function makeOf({ driver, kind }: Pick<Device, 'driver' | 'kind'>): string {
  return makes[driver] ?? kindText[kind]()
}

export function requestsText(count: number): string {
  return count === 1 ? m.audit_request() : m.audit_requests({ count })
}

/** Host and port, or the serial port's path. */
export function addressOf(baseUrl: string): string {
  const { host, pathname } = new URL(baseUrl)
  return host || pathname
}

/** undefined: the agent is not paused on site. */
export function pausedText({ status, metadata }: AgentState, nowMs: number): string | undefined {
  const until = metadata['pausedUntil']
  if (status !== 'ONLINE' || until === undefined) return undefined
  if (typeof until !== 'number') return m.paused()
  return m.paused_until({ time: shortTime(new Date(until).toISOString(), nowMs, getLocale()) })
}

export function sizeText(bytes: number, locale: string): string {
  const [unit, size] = bytes < 1e3 ? ['B', 1] : bytes < 1e6 ? ['kB', 1e3] : ['MB', 1e6]
  return `${(bytes / size).toLocaleString(locale, { maximumFractionDigits: 1 })} ${unit}`
}

/** A place that never had an agent, or gave it up, has nothing that could be away. */
export type AgentStanding = AgentState['status'] | 'NONE'

export function standingOf({ status, agentId }: AgentState): AgentStanding {
  return status === 'OFFLINE' && agentId === null ? 'NONE' : status
}

export const agentStandingText: Record<AgentStanding, () => string> = {
  ONLINE: m.status_online,
  OFFLINE: m.status_offline,
  PAIRING: m.status_pairing,
  NONE: m.status_none,
}

export const roleText: Record<User['role'], () => string> = {
  admin: m.role_admin,
  manager: m.role_manager,
  operator: m.role_operator,
  auditor: m.role_auditor,
}

export const kindText: Record<Device['kind'], () => string> = {
  turnstile: m.kind_turnstile,
  printer: m.kind_printer,
  camera: m.kind_camera,
  system: m.kind_system,
  http: m.kind_http,
}

export const directionText: Readonly<Record<string, () => string>> = {
  clockwise: m.rotation_clockwise,
  anticlockwise: m.rotation_anticlockwise,
  both: m.gate_both,
}

/** A direction to release, with what it means at a turnstile that says which rotation is its entry. */
export function releaseText(direction: string, entry: TurnDirection | undefined): string {
  if (entry === undefined || direction === 'both') return directionText[direction]?.() ?? direction
  const rotation = direction === 'clockwise' ? m.gate_clockwise() : m.gate_anticlockwise()
  return direction === entry ? m.gate_entry({ rotation }) : m.gate_exit({ rotation })
}

/** What a rotation means at a turnstile that says which one is its entry; else the rotation itself. */
export function wayText(rotation: TurnDirection, entry: TurnDirection | undefined): string {
  if (entry === undefined) return directionText[rotation]?.() ?? rotation
  return rotation === entry ? m.passage_entry() : m.passage_exit()
}

export const commandText: Record<CommandName, () => string> = {
  OpenGate: m.gate_title,
  OpenDoor: m.door_open,
  ShowMessage: m.message_show,
  RebootDevice: m.reboot,
  StartPrint: m.print_start,
  UploadFile: m.upload_title,
  PausePrint: m.print_pause,
  ResumePrint: m.print_resume,
  CancelPrint: m.print_cancel,
  EmergencyStop: m.print_emergency,
  SetTemperature: m.temperature_title,
  PressButton: m.button_press,
}

export const passageText: Record<PassageItem['outcome'], () => string> = {
  passed: m.passage_passed,
  'gave-up': m.passage_gave_up,
  denied: m.passage_denied,
  missed: m.passage_missed,
}

/** The server may know more commands than this page does. */
export function commandWord(name: string): string {
  return (commandText as Readonly<Record<string, () => string>>)[name]?.() ?? name
}

export const commandStatusText: Record<CommandState['status'], () => string> = {
  awaiting: m.command_awaiting,
  issued: m.command_issued,
  delivered: m.command_delivered,
  running: m.command_running,
  succeeded: m.command_succeeded,
  failed: m.command_failed,
  refused: m.command_refused,
  expired: m.command_expired,
  unknown: m.command_unknown,
}

export const safetyText: Record<Safety, () => string> = {
  read: m.safety_read,
  reversible: m.safety_reversible,
  physical: m.safety_physical,
  config: m.safety_config,
  dangerous: m.safety_dangerous,
}

export function doorText(door: unknown): string {
  return door === 'external' ? m.door_external() : m.door_number({ number: String(door) })
}

/** What exactly was ordered, at a turnstile by the words of its buttons: who approves it sees no more than this. */
export function commandDetail(
  { command, args, body }: Pick<CommandState, 'command' | 'args' | 'body'>,
  entry?: TurnDirection,
): string {
  const { direction, door, heater, target, button, file, text, reason } = args
  const said = [
    direction === undefined ? undefined : releaseText(String(direction), entry),
    door === undefined ? undefined : doorText(door),
    heater === undefined ? undefined : sensorText(String(heater)),
    typeof target === 'number' ? heatText(target) : undefined,
    ...[button, body?.name ?? file, text, reason],
  ]
  return [commandWord(command), ...said.filter((one) => typeof one === 'string')].join(' · ')
}

export function heatText(celsius: number): string {
  if (celsius === 0) return m.temperature_off()
  return `${celsius.toLocaleString(getLocale(), { maximumFractionDigits: 1 })} °C`
}

export const captureText: Record<Device['capture'], () => string> = {
  heads: m.capture_heads,
  bodies: m.capture_bodies,
  dom: m.capture_dom,
}

export const captureHint: Record<Device['capture'], () => string> = {
  heads: m.capture_heads_hint,
  bodies: m.capture_bodies_hint,
  dom: m.capture_dom_hint,
}

export const sessionStatusText: Record<Session['status'], () => string> = {
  ACTIVE: m.session_active,
  EXPIRED: m.session_expired,
  CLOSED: m.session_closed,
  REVOKED: m.session_revoked,
  DENIED: m.session_denied,
}

export const feedKindText: Record<FeedKind, () => string> = {
  webhook: m.feed_webhook,
  syslog: m.feed_syslog,
  file: m.feed_file,
}

const feedErrors: Readonly<Record<string, () => string>> = {
  FEED_UNREACHABLE: m.feed_error_unreachable,
  FEED_REFUSED: m.feed_error_refused,
  FEED_ADDRESS: m.feed_error_address,
  FEED_FILE: m.feed_error_file,
}

/** Why a feed fails: the server names only the code. */
export function feedErrorText(code: string): string {
  return (feedErrors[code] ?? m.error_unexpected)()
}

export const holdScopeText: Record<HoldBody['scope'], () => string> = {
  installation: m.hold_scope_installation,
  device: m.hold_scope_device,
  user: m.hold_scope_user,
  session: m.hold_scope_session,
  all: m.hold_all,
}

const expiringKinds: Readonly<Record<string, () => string>> = {
  session: m.audit_kind_session,
  command: m.audit_kind_command,
  camera: m.retention_kind_camera,
  passage: m.turns,
  audit: m.audit_kind_audit,
  access: m.audit_kind_access,
}

export function expiringKindText(kind: string): string {
  return (expiringKinds[kind] ?? m.retention_kind_other)()
}
