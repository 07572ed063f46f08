import type { Command } from '@travessia/schemas/commands'
import { driverCommands } from '@travessia/schemas/devices'
import { afterEach, expect, test, vi } from 'vitest'
import { createDriver } from './driver.ts'
import { PortFault } from './port.ts'
import { context, type WiredPrinter, wiredPrinter } from './wire.fixture.ts'

afterEach(() => {
  vi.useRealTimers()
})

const start: Command = { name: 'StartPrint', args: { file: 'CUBO.GCO' } }
const pause: Command = { name: 'PausePrint', args: {} }
const resume: Command = { name: 'ResumePrint', args: {} }
const cancel: Command = { name: 'CancelPrint', args: {} }
const stop: Command = { name: 'EmergencyStop', args: {} }
const heat: Command = { name: 'SetTemperature', args: { heater: 'nozzle', target: 210 } }

/** Each command with what must be before it, and what it does to the printer. */
const cases: ReadonlyArray<readonly [Command, readonly Command[], string]> = [
  [start, [], 'M24'],
  [pause, [start], 'M25'],
  [resume, [start, pause], 'M24'],
  [cancel, [start], 'M524'],
  [stop, [start], 'M112'],
  [heat, [], 'M104 S210'],
]
const named = cases.map((one) => [one[0].name, ...one] as const)
/** All but the emergency stop, which waits for nothing and has no answer. */
const answered = named.filter(([name]) => name !== 'EmergencyStop')

/** A printer that has been through `before`; its effects are counted from now on. */
async function printerAfter(before: readonly Command[]): Promise<WiredPrinter> {
  const printer = wiredPrinter()
  for (const command of before) {
    const { outcome } = await printer.driver.execute(command, context())
    expect(['accepted', 'confirmed'], command.name).toContain(outcome)
  }
  printer.board.effects.length = 0
  return printer
}

test('the driver knows exactly the commands of the catalog', async () => {
  const { driver, openings } = wiredPrinter()
  expect(new Set(driverCommands.marlin)).toEqual(new Set(cases.map(([{ name }]) => name)))
  for (const name of ['OpenGate', 'toString', 'constructor']) {
    const command = { name, args: {} } as unknown as Command
    expect(await driver.execute(command, context())).toEqual({
      ...{ outcome: 'unsupported', detail: name },
    })
  }
  expect(openings()).toBe(0)
})

test.each(named)('%s: a healthy printer does it once', async (_name, command, before, effect) => {
  const { driver, board } = await printerAfter(before)
  const { outcome } = await driver.execute(command, context())
  expect(['accepted', 'confirmed']).toContain(outcome)
  expect(board.effects).toEqual([effect])
})

test('what can be looked at afterwards is confirmed: a start, a cancellation, a temperature, a stop', async () => {
  for (const [command, before] of [cases[0], cases[3], cases[4], cases[5]].filter((one) => !!one)) {
    const { driver } = await printerAfter(before)
    expect(await driver.execute(command, context())).toEqual({ outcome: 'confirmed' })
  }
})

test.each(named)(
  '%s: late is late, and the printer is not touched',
  async (_name, command, before) => {
    const { driver, board } = await printerAfter(before)
    const late = context({ startWithinMs: () => 0 })
    expect(await driver.execute(command, late)).toEqual({ outcome: 'late' })
    expect(board.effects).toEqual([])
  },
)

test.each(named)(
  '%s: late at any step on the way, a repetition included, nothing is sent any more',
  async (_name, command, before) => {
    for (const fault of [undefined, 'resend'] as const) {
      for (let steps = 1; steps < 30; steps += 1) {
        const { driver, board, written } = await printerAfter(before)
        board.fail(fault)
        let left = steps
        let sentInTime: number | undefined
        const startWithinMs = () => {
          if (left-- > 0) return 5_000
          sentInTime ??= written.length
          return 0
        }
        const { outcome } = await driver.execute(command, context({ startWithinMs }))
        const isDone = ['accepted', 'confirmed'].includes(outcome)
        expect(board.effects.length, `${fault}, ${steps} steps`).toBe(isDone ? 1 : 0)
        if (!isDone) expect(written).toHaveLength(sentInTime ?? -1)
      }
    }
  },
)

test.each(answered)(
  '%s: an answer that is lost leaves it unknown, and it was done once',
  async (_name, command, before, effect) => {
    const { driver, board } = await printerAfter(before)
    board.fail('cut')
    const waiting = context({ signal: AbortSignal.timeout(50) })
    expect(await driver.execute(command, waiting)).toMatchObject({ outcome: 'unknown' })
    expect(board.effects).toEqual([effect])
  },
)

test.each(answered)(
  '%s: a line that never arrived leaves it unknown too, and nothing is sent twice',
  async (_name, command, before, effect) => {
    const { driver, board, written } = await printerAfter(before)
    board.fail('lost')
    written.length = 0
    const waiting = context({ signal: AbortSignal.timeout(50) })
    expect(await driver.execute(command, waiting)).toMatchObject({ outcome: 'unknown' })
    expect(board.effects).toEqual([])
    expect(written.filter((line) => line === `${effect}\n`)).toHaveLength(1)
  },
)

test.each(answered)(
  '%s: a printer that says nothing from the start was told nothing: its time runs out',
  async (_name, command, before) => {
    const { driver, board } = await printerAfter(before)
    board.fail('hang')
    const begun = performance.now()
    const short = context({ startWithinMs: () => 150 - (performance.now() - begun) })
    expect(await driver.execute(command, short)).toEqual({ outcome: 'late' })
    expect(board.effects).toEqual([])
  },
)

test.each(answered)(
  '%s: a printer that asks for the line again gets it again, and does it once',
  async (_name, command, before, effect) => {
    const { driver, board } = await printerAfter(before)
    board.fail('resend')
    const { outcome } = await driver.execute(command, context())
    expect(['accepted', 'confirmed']).toContain(outcome)
    expect(board.effects).toEqual([effect])
  },
)

test.each(answered)(
  '%s: a line that must be sent again when its time is over is late',
  async (_name, command, before, effect) => {
    const { driver, board, written } = await printerAfter(before)
    board.fail('resend')
    written.length = 0
    const startWithinMs = () => (written.includes(`${effect}\n`) ? 0 : 5_000)
    expect(await driver.execute(command, context({ startWithinMs }))).toEqual({ outcome: 'late' })
    expect(board.effects).toEqual([])
    expect(written.filter((line) => line === `${effect}\n`)).toHaveLength(1)
  },
)

test.each(answered)(
  '%s: a line that cannot be read at all failed: nothing happened',
  async (_name, command, before) => {
    const { driver, board, written } = await printerAfter(before)
    board.fail('noise')
    written.length = 0
    expect(await driver.execute(command, context())).toEqual({
      ...{ outcome: 'failed', detail: 'DEVICE_LOST' },
    })
    expect(board.effects).toEqual([])
    expect(written).toHaveLength(4)
  },
)

test('a question that is not answered before a print is begun failed: nothing happened', async () => {
  const { driver, board } = await printerAfter([])
  const stopWatching = driver.watch?.(() => undefined)
  await expect.poll(() => board.heard).toContain('M20')
  board.fail('hang')
  const waiting = context({ signal: AbortSignal.timeout(50) })
  expect(await driver.execute(start, waiting)).toEqual({
    outcome: 'failed',
    detail: 'DEVICE_TIMEOUT',
  })
  stopWatching?.()
})

test('a line that became another on its way failed: nothing happened', async () => {
  const { driver, board, unplug } = await printerAfter([])
  const stopWatching = driver.watch?.(() => undefined)
  await expect.poll(() => board.heard).toContain('M20')
  board.fail('garbled')
  expect(await driver.execute(heat, context())).toEqual({
    ...{ outcome: 'failed', detail: 'DEVICE_LOST' },
  })
  expect(board.effects).toEqual([])
  stopWatching?.()
  unplug()
})

test('a command that the firmware does not know is unsupported', async () => {
  const { driver, board } = await printerAfter([start])
  board.fail('old')
  expect(await driver.execute(cancel, context())).toEqual({
    ...{ outcome: 'unsupported', detail: 'Unknown command: "M524"' },
  })
})

test.each([
  ['a pause', pause, []],
  ['a cancellation', cancel, []],
  ['a resume', resume, []],
  ['a second start', start, [start]],
  ['a start over a paused print', start, [start, pause]],
] as const)('%s where it means nothing is denied', async (_name, command, before) => {
  const { driver, board } = await printerAfter(before)
  expect(await driver.execute(command, context())).toEqual({
    ...{ outcome: 'denied', detail: 'PRINTER_STATE' },
  })
  expect(board.effects).toEqual([])
})

test('a file that the printer does not hold is denied with its words', async () => {
  const { driver, board } = wiredPrinter()
  const other: Command = { name: 'StartPrint', args: { file: 'OTHER.GCO' } }
  expect(await driver.execute(other, context())).toEqual({
    ...{ outcome: 'denied', detail: 'open failed, File: OTHER.GCO.' },
  })
  expect(board.effects).toEqual([])
})

test.each(['A;B.GCO', 'A*97', `${'a'.repeat(100)}.gco`, 'peça.gco', 'A\nM112'])(
  'a file name that would be another command is denied and never sent: %j',
  async (file) => {
    const { driver, written } = wiredPrinter()
    const command: Command = { name: 'StartPrint', args: { file } }
    expect(await driver.execute(command, context())).toEqual({
      ...{ outcome: 'denied', detail: 'PRINTER_FILE' },
    })
    expect(written).toEqual([])
  },
)

test.each([
  ['SERIAL_BUSY', 'failed'],
  ['SERIAL_ABSENT', 'failed'],
  ['SERIAL_MISSING', 'unsupported'],
] as const)('a port with %s: the command is %s', async (detail, outcome) => {
  const { driver, refuse } = wiredPrinter()
  refuse(new PortFault(detail))
  expect(await driver.execute(heat, context())).toEqual({ outcome, detail })
})

test('an address that is no serial port fails, and is told as offline', async () => {
  const driver = createDriver({ baseUrl: 'http://10.0.0.1' })
  expect(await driver.execute(heat, context())).toMatchObject({ outcome: 'failed' })
  const told: unknown[] = []
  driver.watch?.((state) => told.push(state))()
  expect(told).toEqual([{ status: 'offline', detail: 'SERIAL_ABSENT' }])
})

test('the port is opened by a command, not before, and closed after the last', async () => {
  const { driver, openings, isOpen } = wiredPrinter()
  expect(openings()).toBe(0)
  await driver.execute(heat, context())
  expect(isOpen()).toBe(false)
  await Promise.all([driver.execute(heat, context()), driver.execute(heat, context())])
  expect(isOpen()).toBe(false)
  expect(openings()).toBe(2)
})

test('the cable is pulled while the printer works: unknown', async () => {
  const { driver, board, unplug } = await printerAfter([])
  board.fail('lost')
  const running = driver.execute(heat, context())
  await expect.poll(() => board.heard).toContain('M115')
  await new Promise(setImmediate)
  unplug()
  expect(await running).toEqual({ outcome: 'unknown', detail: 'DEVICE_LOST' })
})

test('a printer that restarts with a command in flight leaves it unknown, and is greeted again', async () => {
  const { driver, board } = await printerAfter([])
  board.fail('lost')
  const running = driver.execute(heat, context())
  await expect.poll(() => board.heard).toContain('M115')
  await new Promise(setImmediate)
  board.reset()
  expect(await running).toEqual({ outcome: 'unknown', detail: 'DEVICE_LOST' })
  board.fail(undefined)
  board.heard.length = 0
  expect(await driver.execute(heat, context())).toEqual({ outcome: 'confirmed' })
  expect(board.heard[0]).toBe('M115')
})
