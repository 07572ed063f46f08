/** What every driver of printers must do, in every state of the printer. A new one adds one call of this. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Command } from '@travessia/schemas/commands'
import type { Credentials } from '@travessia/schemas/devices'
import { expect, test } from 'vitest'
import type { Action, Phase, PrintingMachine } from '../simulators/printing-machine.ts'
import {
  context,
  type DeviceFault,
  type DriverSubject,
  driverFor,
  fileOf,
  patience,
  testDriver,
} from './conformance.ts'
import type { CommandContext, CommandFile, CommandResult } from './driver.ts'

const file = 'peças/engrenagem 12.gcode'
type Name =
  | 'StartPrint'
  | 'PausePrint'
  | 'ResumePrint'
  | 'CancelPrint'
  | 'EmergencyStop'
  | 'Heat'
  | 'UploadFile'
const commands: Readonly<Record<Name, Command>> = {
  StartPrint: { name: 'StartPrint', args: { file } },
  PausePrint: { name: 'PausePrint', args: {} },
  ResumePrint: { name: 'ResumePrint', args: {} },
  CancelPrint: { name: 'CancelPrint', args: {} },
  EmergencyStop: { name: 'EmergencyStop', args: {} },
  Heat: { name: 'SetTemperature', args: { heater: 'nozzle', target: 205 } },
  UploadFile: { name: 'UploadFile', args: { file: 'a'.repeat(26) } },
}
const actions: Readonly<Record<string, Action>> = {
  ...{ StartPrint: 'start', PausePrint: 'pause', ResumePrint: 'resume', CancelPrint: 'cancel' },
  ...{ EmergencyStop: 'emergencyStop', SetTemperature: 'setTarget' },
  UploadFile: 'upload',
}

const faults: Readonly<Record<DeviceFault, object>> = {
  hang: { hang: 'commands' },
  cut: { cutAfterAction: true },
  denied: { denied: true },
}

type StartedPrinter = {
  readonly url: string
  readonly machine: PrintingMachine
  readonly fail: (faults: object) => Promise<void>
}
type PrinterSubject = {
  readonly kind: 'octoprint' | 'moonraker'
  readonly credentials?: Credentials
  /** A printer that ends with the test. */
  readonly startPrinter: () => Promise<StartedPrinter>
  /** What the host program needs to see of an emergency stop. */
  readonly stopAll: (printer: StartedPrinter) => Promise<void>
}

export function testPrinter(subject: PrinterSubject): void {
  testDriver(driverSubjectOf(subject))
  for (const name of Object.keys(commands) as Name[]) {
    for (const phase of phases) testCommand(subject, name, phase)
  }
  testConfirmation(subject)
  testMoments(subject)
  testArguments(subject)
  testUploads(subject)
}

async function run(
  subject: PrinterSubject,
  { url }: StartedPrinter,
  command: Command,
  other: Partial<CommandContext> = {},
): Promise<CommandResult> {
  return (await driverFor(subject.kind, url, subject)).execute(command, context(other))
}

/** One printer in the state that the command needs. */
function driverSubjectOf(subject: PrinterSubject): DriverSubject {
  return {
    kind: subject.kind,
    ...(subject.credentials ? { credentials: subject.credentials } : {}),
    commands: Object.values(commands),
    async startDevice(command) {
      const { url, machine, fail } = await subject.startPrinter()
      const prepare = () => bring(machine, command?.name)
      prepare()
      const before = effectsOf(machine, command)
      return {
        ...{ url, again: prepare },
        effects: () => effectsOf(machine, command) - before,
        fail: (fault) => fail(faults[fault]),
      }
    },
  }
}

function effectsOf(machine: PrintingMachine, command: Command | undefined): number {
  const { counts } = machine.state
  if (!command) return Object.values(counts).reduce((sum, count) => sum + count, 0)
  return counts[actions[command.name] ?? 'upload']
}

function bring(machine: PrintingMachine, name: string | undefined): void {
  if (machine.isActive && name === 'StartPrint') machine.cancel()
  if (!machine.isActive && name !== 'StartPrint') machine.start(file)
  if (name === 'ResumePrint') machine.pause()
  else machine.resume()
}

const phases = ['idle', 'printing', 'paused', 'finished', 'cancelled', 'stopped'] as const
const fit: Readonly<Record<Name, readonly Phase[]>> = {
  StartPrint: ['idle', 'finished', 'cancelled'],
  PausePrint: ['printing'],
  ResumePrint: ['paused'],
  CancelPrint: ['printing', 'paused'],
  EmergencyStop: ['idle', 'printing', 'paused', 'finished', 'cancelled'],
  Heat: ['idle', 'printing', 'paused', 'finished', 'cancelled'],
  UploadFile: phases,
}

function testCommand(subject: PrinterSubject, name: Name, phase: Phase): void {
  const isFit = fit[name].includes(phase)
  // A stop of what is stopped: some host programs take it, some do not; both are right.
  if (name === 'EmergencyStop' && phase === 'stopped') return
  const title = `${subject.kind} ${name} while ${phase}`
  test(`${title}: ${isFit ? 'done, and seen' : 'denied, and not done'}`, async () => {
    const printer = await inPhase(subject, phase)
    const { machine, url } = printer
    const command = commands[name]
    const before = effectsOf(machine, command)
    const driver = await driverFor(subject.kind, url, subject)
    const { outcome } = await driver.execute(command, context())
    expect(outcome).toBe(isFit ? 'confirmed' : 'denied')
    expect(effectsOf(machine, command) - before).toBe(isFit ? 1 : 0)
  })
}

async function inPhase(subject: PrinterSubject, phase: Phase): Promise<StartedPrinter> {
  const printer = await subject.startPrinter()
  const { machine } = printer
  if (phase !== 'idle') machine.start('suporte.gcode')
  if (phase === 'paused') machine.pause()
  if (phase === 'finished') machine.complete()
  if (phase === 'cancelled') machine.cancel()
  if (phase === 'stopped') await subject.stopAll(printer)
  expect(machine.phase).toBe(phase)
  return printer
}

function testConfirmation(subject: PrinterSubject): void {
  const { kind } = subject

  test(`${kind}: a pause that comes some time after its acceptance is confirmed`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ lagMs: 500 })
    expect(await run(subject, printer, commands.PausePrint)).toEqual({ outcome: 'confirmed' })
  })

  test(`${kind}: a pause that nobody sees within two seconds is accepted, no more`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ lagMs: 60_000 })
    expect(await run(subject, printer, commands.PausePrint)).toEqual({ outcome: 'accepted' })
  })

  test(`${kind}: the look for an effect ends with the signal`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ lagMs: 60_000 })
    const signal = patience(500)
    const over = once(signal, 'abort').then(() => performance.now())
    expect(await run(subject, printer, commands.PausePrint, { signal })).toEqual({
      outcome: 'accepted',
    })
    // By itself it would go on for two seconds after the acceptance.
    expect(performance.now() - (await over)).toBeLessThan(1_000)
  })
}

function testMoments(subject: PrinterSubject): void {
  const { kind } = subject

  test(`${kind}: a slow printer that answers within the time is told`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ slowMs: 100 })
    expect(await run(subject, printer, commands.PausePrint)).toEqual({ outcome: 'confirmed' })
  })

  test(`${kind}: a printer too slow in the look before is not told any more: late`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ slowMs: 300 })
    const end = performance.now() + 200
    const startWithinMs = () => end - performance.now()
    expect(await run(subject, printer, commands.PausePrint, { startWithinMs })).toEqual({
      outcome: 'late',
    })
    expect(printer.machine.state.counts.pause).toBe(0)
  })

  test(`${kind}: a printer that hangs in the look before was told nothing: failed`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ hang: true })
    const signal = patience(100)
    const result = await run(subject, printer, commands.PausePrint, { signal })
    expect(result).toEqual({ outcome: 'failed', detail: 'DEVICE_TIMEOUT' })
    expect(printer.machine.state.counts.pause).toBe(0)
  })

  test(`${kind}: a printer that does not answer heats nothing; off is told at once`, async () => {
    const printer = await inPhase(subject, 'idle')
    await printer.fail({ hang: true })
    const told = (command: Command) => run(subject, printer, command, { signal: patience(100) })
    const off: Command = { name: 'SetTemperature', args: { heater: 'nozzle', target: 0 } }
    expect(await told(commands.Heat)).toEqual({ outcome: 'failed', detail: 'DEVICE_TIMEOUT' })
    expect(await told(off)).toEqual({ outcome: 'unknown', detail: 'DEVICE_TIMEOUT' })
  })

  test(`${kind}: a refused API key is denied, and says so without the key`, async () => {
    const printer = await inPhase(subject, 'printing')
    await printer.fail({ keyRefused: true })
    for (const command of [commands.PausePrint, commands.EmergencyStop]) {
      const result = await run(subject, printer, command)
      expect(result).toEqual({ outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' })
      expect(JSON.stringify(result)).not.toContain(subject.credentials?.password ?? 'no-key')
    }
  })
}

function testArguments(subject: PrinterSubject): void {
  const { kind } = subject

  test.each(['nada.gcode', 'peças/nada 12.gcode', '%2e%2e%2fx', 'a?print=b&c=d#e.gcode'])(
    `${kind}: the file %j, which is not there, is denied`,
    async (missing) => {
      const printer = await inPhase(subject, 'idle')
      const command: Command = { name: 'StartPrint', args: { file: missing } }
      expect(await run(subject, printer, command)).toMatchObject({ outcome: 'denied' })
      expect(printer.machine.state.counts.start).toBe(0)
    },
  )

  test(`${kind}: a name that no URL can carry is failed, not thrown`, async () => {
    const printer = await inPhase(subject, 'idle')
    const command: Command = { name: 'StartPrint', args: { file: '\ud800.gcode' } }
    expect(await run(subject, printer, command)).toEqual({
      ...{ outcome: 'failed', detail: 'PRINTER_FILE' },
    })
  })

  test.each([
    { heater: 'nozzle', target: 0 },
    { heater: 'nozzle', target: 215.5 },
    { heater: 'bed', target: 65 },
  ] as const)(`${kind}: SetTemperature %o reaches that heater and no other`, async (args) => {
    const printer = await inPhase(subject, 'printing')
    const before = printer.machine.targets
    const command: Command = { name: 'SetTemperature', args }
    expect(await run(subject, printer, command)).toEqual({ outcome: 'confirmed' })
    expect(printer.machine.targets).toEqual({ ...before, [args.heater]: args.target })
  })
}

function testUploads(subject: PrinterSubject): void {
  const { kind } = subject
  const upload = (printer: StartedPrinter, given: CommandFile) =>
    run(subject, printer, commands.UploadFile, { file: given })

  test(`${kind}: a file of five megabytes arrives byte for byte, under the name that the printer says`, async () => {
    const printer = await inPhase(subject, 'printing')
    const given = fileOf(randomBytes(5_000_003), 'peça "nova"; 1.gcode')
    const result = await upload(printer, given)
    expect(result).toEqual({ outcome: 'confirmed', file: given.name })
    const { uploads, counts } = printer.machine.state
    expect(uploads).toEqual([{ path: given.name, size: given.length, sha256: given.sha256 }])
    // It only lies there now.
    expect(counts.start).toBe(1)
  })

  test(`${kind}: a file of the name that is being printed is denied, and the print goes on`, async () => {
    const printer = await inPhase(subject, 'printing')
    const result = await upload(printer, fileOf(Buffer.from('G28'), 'suporte.gcode'))
    expect(result).toMatchObject({ outcome: 'denied' })
    expect(printer.machine.state).toMatchObject({ phase: 'printing', uploads: [] })
  })

  test(`${kind}: a file that ends short at the agent is not kept by the printer`, async () => {
    const printer = await inPhase(subject, 'idle')
    const whole = fileOf(randomBytes(300_000))
    const short = { ...whole, length: whole.length + 1 }
    expect(await upload(printer, short)).toMatchObject({ outcome: 'unknown' })
    expect(printer.machine.state.uploads).toEqual([])
  })

  test(`${kind}: without a file an upload is failed, and nothing is sent`, async () => {
    const printer = await inPhase(subject, 'idle')
    const { file: _none, ...bare } = context()
    const driver = await driverFor(subject.kind, printer.url, subject)
    expect(await driver.execute(commands.UploadFile, bare)).toMatchObject({ outcome: 'failed' })
    expect(printer.machine.state.counts.upload).toBe(0)
  })
}
