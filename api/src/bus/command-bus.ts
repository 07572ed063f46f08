/**
 * Issues device commands: CommandIssued is durable before the answer, then the dispatcher sends; what needs a
 * second person is only held (`approvals.ts` goes on from there). What
 * happens afterwards is in the log. Killed between commit and sending: the dispatcher finds the command in
 * the view at the next start, and it ends as `unknown` unless the agent says otherwise.
 */
import { createHash } from 'node:crypto'
import { safetyOf } from '@travessia/schemas/buttons'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { check, type Validator } from '@travessia/schemas/check'
import {
  type CommandName,
  type CommandOrder,
  commandCatalog,
  commandNames,
  type Safety,
} from '@travessia/schemas/commands'
import { compile } from '@travessia/schemas/compile'
import { driverCommands } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, Fact, RecordedEvent } from '@travessia/schemas/events'
import { idFromBytes, newId, newTimeId } from '@travessia/schemas/ids'
import { approvalMs, maxAwaiting, needsSecondPerson } from '../domain/approval.ts'
import { type CommandIntent, command as decider } from '../domain/command.ts'
import { handle } from '../domain/decider.ts'
import { eventContext } from '../event-context.ts'
import { present } from '../present.ts'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { FileRow } from '../views/files.ts'
import type { Views } from '../views/views.ts'
import { lifeOf } from './command-life.ts'
import type { Dispatcher } from './dispatcher.ts'

export type CommandRequest = {
  readonly tenantId: string
  readonly userId: string
  readonly device: DeviceRow
  readonly command: CommandName
  readonly args: Readonly<Record<string, unknown>>
  /** Dangerous commands need it: a second, deliberate yes. */
  readonly isConfirmed?: boolean
  /** When the person acted, by this clock. */
  readonly actedAt?: number
  /** May only shorten the command's own expiry. */
  readonly expiresInMs?: number
  /** 1-128 visible ASCII; the same key of the same user is the same command. */
  readonly idempotencyKey?: string
  /** In which the person uses the device meanwhile. */
  readonly sessionId?: string
  readonly correlationId: string
}

type Issued = Fact<'CommandIssued'>['data']
type Answer = {
  readonly commandId: string
  readonly status: 'issued' | 'awaiting'
  readonly expiresAt: string
}

const validators = Object.fromEntries(
  commandNames.map((name) => [name, compile(commandCatalog[name].args)]),
) as unknown as Record<CommandName, Validator<Record<string, unknown>>>

type Deps = {
  readonly store: EventStore
  readonly views: Views
  readonly dispatcher: Pick<Dispatcher, 'add'>
  readonly isOnline: (agentId: string) => boolean
  readonly now: () => number
}

export class CommandBus {
  readonly #deps: Deps
  /** Last order number given out per device by this process. */
  readonly #seqs = new Map<string, number>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Resolves after CommandIssued is durable; a repeated key resolves to the same command.
   * @throws TravessiaError COMMAND_UNSUPPORTED, CONFIRMATION_REQUIRED, MESSAGE_INVALID (arguments), IDEMPOTENCY_KEY_REUSED,
   *   RATE_LIMITED (too many wait for a second person); COMMAND_EXPIRED (recorded), AGENT_OFFLINE, AGENT_MISSING and FILE_GONE (recorded as refused),
   *   STORE_UNAVAILABLE
   */
  async issue(request: CommandRequest): Promise<Answer> {
    const { tenantId, device, idempotencyKey, command, now } = { ...request, now: this.#deps.now() }
    const safety = requireSafety(request)
    check(validators[command], request.args, '/args')
    if (safety === 'dangerous' && !request.isConfirmed)
      throw new TravessiaError('CONFIRMATION_REQUIRED', { command })
    const commandId = commandIdOf(request, now)
    const agent = this.#deps.views.agents.current(tenantId, device.installationId)
    const file = await this.#fileOf(request)
    const { expiresInMs: longestMs } = commandCatalog[command]
    const expiresInMs = Math.min(longestMs, request.expiresInMs ?? longestMs)
    const life = lifeOf({ command, actedAt: request.actedAt, now, expiresInMs })
    const refusal = life.isOver
      ? 'COMMAND_EXPIRED'
      : (refusalOf(agent?.agentId, this.#deps.isOnline) ?? goneOf(file, now))
    const isHeld = await this.#needsSecondPerson(request, { safety, commandId })
    const issued: Issued = {
      ...{ command, args: request.args, safety, idempotencyKey: idempotencyKey ?? '' },
      expiresAt: isHeld ? new Date(now + approvalMs).toISOString() : life.expiresAt,
      seq: await this.nextSeq(tenantId, device.id),
      ...takenAlong(device, file),
    }
    const context = contextOf(request, { commandId, agentId: agent?.agentId, now })
    const stream = { tenantId, streamKind: 'command', streamId: commandId } as const
    const intent: CommandIntent = {
      ...(isHeld
        ? { type: 'HoldCommand', held: heldOf(issued, request, expiresInMs) }
        : { type: 'IssueCommand', issued }),
      ...present({ refusal }),
    }
    try {
      const { position } = await handle(this.#deps.store, decider, stream, intent, context)
      // Whoever has the answer may ask at once what became of it.
      await this.#deps.views.until(position)
    } catch (error) {
      if (!(error instanceof TravessiaError && error.code === 'CONFLICT')) throw error
      const facts = await this.#deps.store.readStream(tenantId, commandId)
      await this.#deps.views.until(facts.at(-1)?.position)
      return repeated(context, issued, facts)
    }
    if (refusal) throw new TravessiaError(refusal, { commandId })
    const { expiresAt } = issued
    if (isHeld) return { commandId, status: 'awaiting', expiresAt }
    this.#deps.dispatcher.add(orderOf(issued, context, { tenantId, commandId }))
    return { commandId, status: 'issued', expiresAt }
  }

  /** Of another device, tenant or time: it does not exist. */
  async #fileOf({ tenantId, device, command, args }: CommandRequest): Promise<FileRow | undefined> {
    if (command !== 'UploadFile') return undefined
    const file = await this.#deps.views.files.get(tenantId, String(args['file']))
    if (file?.deviceId !== device.id) throw new TravessiaError('FILE_GONE')
    return file
  }

  /** @throws TravessiaError RATE_LIMITED */
  async #needsSecondPerson(
    { tenantId, device: { id: deviceId }, command }: CommandRequest,
    { safety, commandId }: { safety: Safety; commandId: string },
  ): Promise<boolean> {
    const { policies, commands } = this.#deps.views
    const { secondPerson } = await policies.get(tenantId)
    if (!needsSecondPerson(secondPerson, { command, safety, deviceId })) return false
    const waiting = (await commands.awaiting(tenantId)).filter((row) => row.deviceId === deviceId)
    if (waiting.length >= maxAwaiting && !waiting.some(({ id }) => id === commandId))
      throw new TravessiaError('RATE_LIMITED', { deviceId })
    return true
  }

  async nextSeq(tenantId: string, deviceId: string): Promise<number> {
    const stored = this.#seqs.has(deviceId)
      ? 0
      : await this.#deps.views.commands.lastSeq(tenantId, deviceId)
    const seq = Math.max(stored, this.#seqs.get(deviceId) ?? 0) + 1
    this.#seqs.set(deviceId, seq)
    return seq
  }
}

/** The order that travels to the agent, from the facts alone: a restarted node makes the same one. */
export function orderOf(
  issued: Issued,
  context: EventContext,
  { tenantId, commandId }: { tenantId: string; commandId: string },
): CommandOrder {
  return {
    id: commandId,
    tenantId,
    agentId: context.agentId ?? '',
    deviceId: context.deviceId ?? '',
    name: issued.command,
    args: issued.args,
    subject: context.actor.id,
    notBefore: Date.parse(context.at),
    expiresAt: Date.parse(issued.expiresAt),
    seq: issued.seq,
    nonce: newId(),
    correlationId: context.correlationId,
    ...present({ body: issued.body }),
  }
}

/** What the agent needs beside the order itself. */
function takenAlong(device: DeviceRow, file: FileRow | undefined): Partial<Issued> {
  return {
    ...(file && { body: { name: file.name, length: file.length, sha256: file.sha256 } }),
    ...(device.hasCredentials && { usesCredentials: true }),
  }
}

function heldOf(
  { expiresAt: lapsesAt, ...order }: Issued,
  { userId: requestedBy, device }: CommandRequest,
  expiresInMs: number,
): Fact<'CommandHeld'>['data'] {
  const wouldDo = digestOf(device, order.args)
  return { ...order, requestedBy, lapsesAt, expiresInMs, wouldDo }
}

/** Of all that a command does beyond its own words; a second person approves no other. */
export function digestOf(
  { driver, baseUrl, buttons = [] }: DeviceRow,
  args: Issued['args'],
): string {
  const button = buttons.find(({ name }) => name === args['button']) ?? null
  return createHash('sha256').update(canonicalJson({ driver, baseUrl, button })).digest('hex')
}

/** @throws TravessiaError COMMAND_UNSUPPORTED: the device does not know this command, or this button */
export function requireSafety({
  device,
  command,
  args,
}: Pick<CommandRequest, 'device' | 'command' | 'args'>): Safety {
  const known: readonly CommandName[] = driverCommands[device.driver]
  const safety = safetyOf({ name: command, args }, device.buttons)
  if (!device.viaAgent || !known.includes(command) || safety === undefined)
    throw new TravessiaError('COMMAND_UNSUPPORTED', { deviceId: device.id, command })
  return safety
}

export function goneOf(file: FileRow | undefined, now: number): 'FILE_GONE' | undefined {
  const isGone = file && (file.isRemoved || Date.parse(file.expiresAt) <= now)
  return isGone ? 'FILE_GONE' : undefined
}

export function refusalOf(
  agentId: string | undefined,
  isOnline: (agentId: string) => boolean,
): 'AGENT_MISSING' | 'AGENT_OFFLINE' | undefined {
  if (agentId === undefined) return 'AGENT_MISSING'
  return isOnline(agentId) ? undefined : 'AGENT_OFFLINE'
}

/** ADR 4: with a key, the id is its hash, so that the log itself refuses a second command. */
function commandIdOf({ tenantId, userId, idempotencyKey }: CommandRequest, now: number): string {
  if (idempotencyKey === undefined) return newTimeId(now)
  const digest = createHash('sha256')
    .update(canonicalJson([tenantId, userId, idempotencyKey]))
    .digest()
  return idFromBytes(digest.subarray(0, 16))
}

function contextOf(
  { userId, device, sessionId, correlationId }: CommandRequest,
  { commandId, agentId, now }: { commandId: string; agentId: string | undefined; now: number },
): EventContext {
  const { installationId, id: deviceId } = device
  const places = { installationId, deviceId, agentId, sessionId, commandId }
  return eventContext({ type: 'user', id: userId }, now, { ...places, correlationId })
}

/** The answer to a repetition: the first one's, or why that one was refused. */
function repeated(
  { commandId, deviceId }: EventContext,
  wanted: Issued,
  [first, second]: readonly RecordedEvent[],
): Answer {
  if (first?.type !== 'CommandIssued' && first?.type !== 'CommandHeld')
    throw new TravessiaError('CONFLICT', { commandId })
  const { command, args } = first.data
  const isSame =
    first.deviceId === deviceId &&
    canonicalJson([command, args]) === canonicalJson([wanted.command, wanted.args])
  if (!isSame) throw new TravessiaError('IDEMPOTENCY_KEY_REUSED', { commandId })
  const isEnded = second?.type === 'CommandRefused' || second?.type === 'CommandExpired'
  if (isEnded && isAtOnce(second.data.errorCode))
    throw new TravessiaError(second.data.errorCode, { commandId })
  return first.type === 'CommandHeld'
    ? { commandId: first.streamId, status: 'awaiting', expiresAt: first.data.lapsesAt }
    : { commandId: first.streamId, status: 'issued', expiresAt: first.data.expiresAt }
}

const atOnce = ['AGENT_MISSING', 'AGENT_OFFLINE', 'FILE_GONE', 'COMMAND_EXPIRED'] as const

function isAtOnce(code: string): code is (typeof atOnce)[number] {
  return (atOnce as readonly string[]).includes(code)
}
