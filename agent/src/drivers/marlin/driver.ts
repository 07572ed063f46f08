/** Marlin printers on a serial port of the agent's host, printing from their own card. */
import type { Command, CommandArgs } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import type { CommandContext, CommandResult, Driver, DriverTarget } from '../driver.ts'
import { MarlinClient } from './client.ts'
import { CommandFault, type Limits, type Reply } from './connection.ts'
import { type OpenPort, openPort, PortFault, serialAddressOf } from './port.ts'
import { isSendable, printedBytesOf, temperaturesOf } from './protocol.ts'
import { PrinterStatus } from './status.ts'
import { watchPrinter } from './watch.ts'

export function createDriver(
  { baseUrl }: Pick<DriverTarget, 'baseUrl'>,
  open: OpenPort = openPort,
): Driver {
  const address = serialAddressOf(baseUrl)
  if (!address) return withoutPort
  const status = new PrinterStatus()
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }
  const client = new MarlinClient({
    ...{ open, address },
    hear: (line) => {
      status.heard(line)
      if (line.kind !== 'ok' && line.kind !== 'text') changed()
    },
    gone: () => {
      status.lost('DEVICE_LOST')
      changed()
    },
  })
  const printer = { client, status }
  return {
    async execute(command, context) {
      if (!isKnown(command.name)) return { outcome: 'unsupported', detail: command.name }
      const run: Run = runs[command.name]
      const release = client.hold()
      try {
        return await run(printer, command.args as never, context)
      } catch (error) {
        return resultOfError(error)
      } finally {
        await release()
        changed()
      }
    },
    watch: (tell) => watchPrinter({ ...printer, listeners }, tell),
  }
}

/** The time to begin a question after a command that was done. */
const afterwardsMs = 5_000
const noAddress = 'SERIAL_ABSENT'

const withoutPort: Driver = {
  execute: async () => ({ outcome: 'failed', detail: noAddress }),
  watch(tell: (state: DeviceState) => void) {
    tell({ status: 'offline', detail: noAddress })
    return () => undefined
  },
}

type Printer = { readonly client: MarlinClient; readonly status: PrinterStatus }
/** Checked against the command's schema before it comes here; the name says which arguments it has. */
type Run = (printer: Printer, args: never, context: CommandContext) => Promise<CommandResult>

const runs = {
  StartPrint: (printer: Printer, args: CommandArgs['StartPrint'], context: CommandContext) =>
    startPrint(printer, args, context),
  PausePrint: async (printer: Printer, _args: unknown, context: CommandContext) => {
    if (!(await isPrinting(printer, context))) return denied('PRINTER_STATE')
    const refusal = refusalOf('M25', await printer.client.request('M25', context))
    if (refusal) return refusal
    printer.status.paused()
    return accepted
  },
  ResumePrint: async (printer: Printer, _args: unknown, context: CommandContext) => {
    const isGoing = await isPrinting(printer, context)
    if (!isGoing && !printer.status.isPaused) return denied('PRINTER_STATE')
    const refusal = refusalOf('M24', await printer.client.request('M24', context))
    if (refusal) return refusal
    printer.status.resumed()
    return accepted
  },
  CancelPrint: async (printer: Printer, _args: unknown, context: CommandContext) => {
    const isGoing = await isPrinting(printer, context)
    if (!isGoing && !printer.status.isPaused) return denied('PRINTER_STATE')
    const refusal = refusalOf('M524', await printer.client.request('M524', context))
    if (refusal) return refusal
    printer.status.cancelled()
    return confirmedBy(async () => !(await isPrinting(printer, afterwards(context))))
  },
  EmergencyStop: async ({ client, status }: Printer, _args: unknown, context: CommandContext) => {
    status.stopAsked()
    const isStopped = await client.shout('M112', context).catch((error: unknown) => {
      status.stopDenied()
      throw error
    })
    if (isStopped) return { outcome: 'confirmed' }
    // Without EMERGENCY_PARSER it acts only after what it is doing.
    return { outcome: 'unknown', detail: 'DEVICE_TIMEOUT' }
  },
  SetTemperature: (
    printer: Printer,
    args: CommandArgs['SetTemperature'],
    context: CommandContext,
  ) => setTemperature(printer, args, context),
} as const satisfies { readonly [Name in Command['name']]?: Run }

function isKnown(name: string): name is keyof typeof runs {
  return Object.hasOwn(runs, name)
}

async function startPrint(
  printer: Printer,
  { file }: CommandArgs['StartPrint'],
  context: CommandContext,
): Promise<CommandResult> {
  const { client, status } = printer
  if (!isSendable(`M23 ${file}`)) return denied('PRINTER_FILE')
  if ((await isPrinting(printer, context)) || status.isPaused) return denied('PRINTER_STATE')
  const selected = await asked(client, `M23 ${file}`, context)
  const problem = selected.lines.find((line) => /open failed|no (sd )?(card|media)/i.test(line))
  if (problem !== undefined) return denied(problem)
  const refusal = refusalOf(`M23 ${file}`, selected)
  if (refusal) return refusal
  const notStarted = refusalOf('M24', await client.request('M24', context))
  return notStarted ?? confirmedBy(() => isPrinting(printer, afterwards(context)))
}

async function setTemperature(
  { client }: Printer,
  { heater, target }: CommandArgs['SetTemperature'],
  context: CommandContext,
): Promise<CommandResult> {
  const wanted = Math.round(target * 10) / 10
  const command = `${heater === 'nozzle' ? 'M104' : 'M140'} S${wanted}`
  const refusal = refusalOf(command, await client.request(command, context))
  if (refusal) return refusal
  return confirmedBy(async () => {
    const { rest } = await client.request('M105', afterwards(context))
    const set = temperaturesOf(rest).find(({ sensor }) => sensor.startsWith(heater))
    return set !== undefined && (set.target ?? 0) === wanted
  })
}

async function isPrinting({ client, status }: Printer, limits: Limits): Promise<boolean> {
  const { lines } = await asked(client, 'M27', limits)
  status.progressed(lines)
  return printedBytesOf(lines) !== undefined
}

/** For what changes nothing: without an answer, nothing happened. */
async function asked(client: MarlinClient, command: string, limits: Limits): Promise<Reply> {
  return client.request(command, limits).catch((error: unknown) => {
    if (!(error instanceof CommandFault) || error.reason !== 'unanswered') throw error
    throw new CommandFault('not-sent', error.code)
  })
}

/** Whether it is true is asked after the command was taken, so no fault here undoes that. */
async function confirmedBy(isTrue: () => Promise<boolean>): Promise<CommandResult> {
  const isConfirmed = await isTrue().catch(() => false)
  return isConfirmed ? { outcome: 'confirmed' } : accepted
}

/** The answer is `ok` even to what the printer does not know. */
function refusalOf(command: string, { lines }: Reply): CommandResult | undefined {
  const unknown = lines.map((line) => /^Unknown command: "(.+)"/.exec(line)).find(Boolean)
  if (unknown)
    return unknown[1] === command
      ? { outcome: 'unsupported', detail: unknown[0] }
      : { outcome: 'failed', detail: 'DEVICE_LOST' }
  const error = lines.find((line) => line.startsWith('Error:'))
  return error === undefined ? undefined : denied(error)
}

const accepted: CommandResult = { outcome: 'accepted' }

/** For a question that follows a command: only the waiting for it is bounded, not its beginning. */
function afterwards({ signal }: CommandContext): Limits {
  return { startWithinMs: () => afterwardsMs, signal }
}

function denied(detail: string): CommandResult {
  return { outcome: 'denied', detail }
}

function resultOfError(error: unknown): CommandResult {
  if (error instanceof PortFault) {
    const outcome = error.code === 'SERIAL_MISSING' ? 'unsupported' : 'failed'
    return { outcome, detail: error.code }
  }
  if (!(error instanceof CommandFault)) return { outcome: 'unknown', detail: 'INTERNAL' }
  switch (error.reason) {
    case 'late':
      return { outcome: 'late' }
    case 'not-sent':
      return { outcome: 'failed', detail: error.code }
    case 'unanswered':
      return { outcome: 'unknown', detail: error.message }
  }
}
