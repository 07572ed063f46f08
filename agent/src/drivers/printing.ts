/**
 * What printers behind a host program have in common: the states that a command needs, what it should lead to, and its
 * one way: look, send once, look again. OctoPrint and Klipper say "ok" to the pause of a pause and do nothing;
 * here it is denied, so that nobody takes it for done.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, CommandArgs, CommandName } from '@travessia/schemas/commands'
import {
  type DeviceState,
  type DeviceStatus,
  deviceStatuses,
} from '@travessia/schemas/device-state'
import { isCooling } from '../command-order.ts'
import type { CommandContext, CommandResult, DeviceFetch } from './driver.ts'
import { beforeCommand, DeviceRefusal, resultOfError } from './refusal.ts'

/** How long after its acceptance the effect of a command is looked for. */
const confirmMs = 2_000
const lookAgainMs = 200
const maxLookMs = 10_000

type PrintCommandName = Extract<
  CommandName,
  'StartPrint' | 'PausePrint' | 'ResumePrint' | 'CancelPrint' | 'EmergencyStop' | 'SetTemperature'
>
export type PrintCommand = Extract<Command, { name: PrintCommandName }>
export type Moment = Pick<Parameters<DeviceFetch>[0], 'startWithinMs' | 'signal'>

type Printer = {
  /** @throws DeviceRefusal, and what `DeviceFetch` throws */
  readonly read: (moment: Moment) => Promise<DeviceState>
  /** Sends one request. @throws what `DeviceFetch` throws */
  readonly send: (command: PrintCommand, context: CommandContext) => Promise<CommandResult>
}

type Rule<Name extends PrintCommandName> = {
  /** undefined: in any state, and without a look before. */
  readonly from?: readonly DeviceStatus[]
  readonly isDone: (state: DeviceState, args: CommandArgs[Name]) => boolean
}

const active: readonly DeviceStatus[] = ['preparing', 'printing', 'paused', 'finishing']
const stopped: readonly DeviceStatus[] = ['estop', 'error', 'disconnected']

const rules: { readonly [Name in PrintCommandName]: Rule<Name> } = {
  StartPrint: {
    from: ['idle', 'finished', 'cancelled', 'error'],
    isDone: ({ status, job }, { file }) => active.includes(status) && job?.file === file,
  },
  PausePrint: { from: ['printing'], isDone: ({ status }) => status === 'paused' },
  ResumePrint: { from: ['paused'], isDone: ({ status }) => status === 'printing' },
  CancelPrint: {
    from: ['preparing', 'printing', 'paused'],
    isDone: ({ status }) => !active.includes(status),
  },
  EmergencyStop: { isDone: ({ status }) => stopped.includes(status) },
  SetTemperature: {
    from: deviceStatuses,
    isDone: ({ temperatures = [] }, { heater, target }) =>
      temperatures.some(
        (one) => one.sensor === heater && Math.abs((one.target ?? 0) - target) < 0.1,
      ),
  },
}

export async function runPrintCommand(
  printer: Printer,
  command: Command,
  context: CommandContext,
): Promise<CommandResult> {
  if (!isPrintCommand(command)) return { outcome: 'unsupported', detail: String(command.name) }
  const rule = rules[command.name] as Rule<PrintCommandName>
  const from = isCooling(command) ? undefined : rule.from
  const objection = from && (await objectionOf(printer, from, context))
  if (objection) return objection
  const result = await printer.send(command, context).catch(resultOfError)
  if (result.outcome !== 'accepted') return result
  const isDone = (state: DeviceState) => rule.isDone(state, command.args)
  return (await isSeen(printer, isDone, context.signal)) ? { outcome: 'confirmed' } : result
}

/** For `watch`: what a device is that could not be read. */
export function stateOfError(error: unknown): DeviceState {
  return error instanceof DeviceRefusal
    ? { status: 'unknown', detail: error.message }
    : { status: 'offline' }
}

function isPrintCommand(command: Command): command is PrintCommand {
  return Object.hasOwn(rules, command.name)
}

/** The look before: only reads, so whatever goes wrong here, nothing has happened. */
async function objectionOf(
  printer: Printer,
  from: readonly DeviceStatus[],
  { startWithinMs, signal }: CommandContext,
): Promise<CommandResult | undefined> {
  const leftMs = Math.ceil(Math.min(maxLookMs, startWithinMs()))
  if (leftMs <= 0) return { outcome: 'late' }
  const bound = AbortSignal.any([signal, AbortSignal.timeout(leftMs)])
  try {
    const { status } = await printer.read({ startWithinMs, signal: bound })
    const isFit = from.includes(status)
    return isFit ? undefined : { outcome: 'denied', detail: 'PRINTER_STATE' }
  } catch (error) {
    if (startWithinMs() <= 0) return { outcome: 'late' }
    return resultOfError(beforeCommand(error))
  }
}

async function isSeen(
  { read }: Printer,
  isDone: (state: DeviceState) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(confirmMs)])
  const moment = { startWithinMs: () => (enough.aborted ? 0 : confirmMs), signal: enough }
  while (!enough.aborted) {
    const state = await read(moment).catch(() => undefined)
    if (state && isDone(state)) return true
    await sleep(lookAgainMs, undefined, { signal: enough }).catch(() => undefined)
  }
  return false
}
