/**
 * What this site allows, decided here whatever the cloud says. Hours are those of this host's clock: the server's
 * would let the server open them.
 */
import { createHash } from 'node:crypto'
import { safetyOf } from '@travessia/schemas/buttons'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { urgentCommands } from '@travessia/schemas/command-lives'
import type { Command } from '@travessia/schemas/commands'
import type { AgentDevice } from '@travessia/schemas/devices'
import { type Opening, type SitePolicy, weekdays } from '@travessia/schemas/site-policy'

export type Forbidden = 'POLICY_FORBIDS' | 'POLICY_HOURS'
/** A command, or a request of a remote session. */
export type Act =
  | { readonly command: Command }
  | {
      readonly method: string
      /** What its headers put in place of that. */
      readonly overriding?: readonly string[]
      readonly port?: number | undefined
    }

/** undefined: allowed. Without a policy everything is. */
export function forbiddenBy(
  policy: SitePolicy | undefined,
  { device, act, now }: { device: AgentDevice; act: Act; now: number },
): Forbidden | undefined {
  if (!policy) return undefined
  const port = 'method' in act ? act.port : undefined
  if (!allowsDevice(policy, device, port) || !allowsAct(policy, act, device))
    return 'POLICY_FORBIDS'
  // Stopping a machine must not wait for the morning.
  const isUrgent = 'command' in act && urgentCommands.has(act.command.name)
  return isUrgent || isOpen(policy, now) ? undefined : 'POLICY_HOURS'
}

function allowsAct(
  { methods, commands, safety }: SitePolicy,
  act: Act,
  { buttons }: AgentDevice,
): boolean {
  if ('method' in act)
    return [act.method, ...(act.overriding ?? [])].every((method) => lists(methods, method))
  return lists(commands, act.command.name) && lists(safety, safetyOf(act.command, buttons))
}

/** The device's own port, unless another is asked for. */
export function allowsDevice(
  { devices }: SitePolicy,
  { baseUrl }: Pick<AgentDevice, 'baseUrl'>,
  port?: number,
): boolean {
  if (!devices) return true
  if (!URL.canParse(baseUrl)) return false
  const url = new URL(baseUrl)
  if (url.protocol === 'serial:') return devices.includes(url.pathname)
  const ownPort = url.port || (url.protocol === 'https:' ? '443' : '80')
  const names = [url.hostname, `${url.hostname}:${port ?? ownPort}`]
  return devices.some((device) => names.includes(device.toLowerCase()))
}

/** Nothing is asked of the others, not even how they are. */
export function allowedDevices(
  policy: SitePolicy | undefined,
  devices: readonly AgentDevice[],
): readonly AgentDevice[] {
  return policy ? devices.filter((one) => allowsDevice(policy, one)) : devices
}

export function isOpen({ hours }: SitePolicy, now: number): boolean {
  if (!hours) return true
  const time = localTime(now, hours.timeZone)
  return hours.open.some((opening) => covers(opening, time))
}

/** What the agent signs of its policy. */
export function claimOf(policy: SitePolicy): Uint8Array {
  const digest = createHash('sha256').update(canonicalJson(policy)).digest('hex')
  return new TextEncoder().encode(JSON.stringify({ digest: `sha256:${digest}` }))
}

/** For who looks at the agent on site, a line a rule. */
export function policyLines(policy: SitePolicy | undefined): string[] {
  if (!policy) return ['none: the cloud may do everything']
  const { devices, methods, commands, safety, hours } = policy
  const only = (what: string, items: readonly string[] | undefined) =>
    items ? [`${what}: only ${items.join(', ') || 'none'}`] : []
  const times = hours?.open.map(({ days, from, to }) => `${days.join(' ')} ${from}-${to}`)
  return [
    ...only('devices', devices),
    ...only('requests of pages', methods),
    ...only('commands', commands),
    ...only('safety classes', safety),
    ...only(`hours (${hours?.timeZone ?? 'time zone of this host'})`, times),
  ]
}

type LocalTime = { readonly day: number; readonly minute: number }

/** By the wall clock of the zone, so that a day of 23 or 25 hours opens and closes when its people do. */
function localTime(now: number, timeZone: string | undefined): LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    ...(timeZone === undefined ? {} : { timeZone }),
  })
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]))
  const names: readonly string[] = weekdays
  const day = names.indexOf(parts.get('weekday')?.toLowerCase() ?? '')
  return { day, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) }
}

/** Over midnight it belongs to the day on which it starts. */
function covers({ days, from, to }: Opening, { day, minute }: LocalTime): boolean {
  const [start, end] = [minuteOf(from), minuteOf(to)]
  const isOn = (index: number) => days.some((name) => weekdays.indexOf(name) === index)
  if (start < end) return isOn(day) && minute >= start && minute < end
  return (isOn(day) && minute >= start) || (isOn((day + 6) % 7) && minute < end)
}

function minuteOf(time: string): number {
  const [hours, minutes] = time.split(':')
  return Number(hours) * 60 + Number(minutes)
}

function lists(items: readonly string[] | undefined, item: string | undefined): boolean {
  return items === undefined || (item !== undefined && items.includes(item))
}
