import type { Command } from '@travessia/schemas/commands'
import { afterEach, expect, test, vi } from 'vitest'
import { Connection } from './connection.ts'
import { context, wiredPrinter } from './wire.fixture.ts'

afterEach(() => {
  vi.useRealTimers()
})

const fakeTimers = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
const heat = (target: number): Command => ({
  ...{ name: 'SetTemperature', args: { heater: 'bed', target } },
})
const start: Command = { name: 'StartPrint', args: { file: 'NONE.GCO' } }
const stop: Command = { name: 'EmergencyStop', args: {} }

test('one command is in flight at a time, in the order of their coming', async () => {
  const { driver, board, written } = wiredPrinter()
  board.fail('slow')
  const stopWatching = driver.watch?.(() => undefined)
  const results = await Promise.all([40, 50, 60].map((one) => driver.execute(heat(one), context())))
  stopWatching?.()
  expect(results.map(({ outcome }) => outcome)).not.toContain('unknown')
  expect(board.effects).toEqual(['M140 S40', 'M140 S50', 'M140 S60'])
  // A line was written only when the printer had understood all before it.
  expect(board.heard).toEqual(written.slice(0, board.heard.length).map((line) => line.trim()))
})

test('a busy printer is waited for as long as it says so, and not longer', async () => {
  fakeTimers()
  const { driver, board } = wiredPrinter({ busyMs: 2_500 })
  board.fail('busy')
  const late = context({ startWithinMs: () => 60_000 })
  const busy = driver.execute(heat(60), late)
  // Seven and a half seconds for each line, where five without a word are the end.
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await busy).toEqual({ outcome: 'confirmed' })
  board.fail('lost')
  const silent = driver.execute(heat(70), late)
  await vi.advanceTimersByTimeAsync(4_900)
  const isOver = vi.fn()
  void silent.then(isOver)
  await vi.advanceTimersByTimeAsync(0)
  expect(isOver).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(200)
  expect(await silent).toEqual({ outcome: 'unknown', detail: 'DEVICE_TIMEOUT' })
})

test.each(['M23 a\nM112', 'M117 a;b', 'M117 *', 'M117 é', `M23 ${'a'.repeat(93)}`])(
  'what is not one line of one command (%j) is not written',
  async (command) => {
    const written: string[] = []
    const port = {
      write: async (text: string) => void written.push(text),
      close: async () => undefined,
    }
    const events = { hear: () => undefined, gone: () => undefined }
    const connection = await Connection.open(
      async () => port,
      { path: '/dev/x', baudRate: 1 },
      events,
    )
    await expect(connection.exchange(command, context())).rejects.toThrow(TypeError)
    expect(written).toEqual([])
  },
)

test('a report of temperatures while it heats is a sign of life too', async () => {
  fakeTimers()
  const { driver, board } = wiredPrinter()
  board.fail('lost')
  const heating = driver.execute(heat(60), context({ startWithinMs: () => 60_000 }))
  await vi.advanceTimersByTimeAsync(0)
  for (let second = 0; second < 20; second += 1) {
    board.say('T:25.1 /210.0 B:22 /60 @:127 W:?\n')
    await vi.advanceTimersByTimeAsync(1_000)
  }
  board.say('ok\n')
  await vi.advanceTimersByTimeAsync(0)
  expect(await heating).toMatchObject({ outcome: 'accepted' })
})

test('an answer that comes after it was given up is not taken for that of the next command', async () => {
  const { driver, board, written } = wiredPrinter()
  const stopWatching = driver.watch?.(() => undefined)
  await expect.poll(() => board.heard).toContain('M20')
  board.fail('lost')
  const given = driver.execute(heat(60), context({ signal: AbortSignal.timeout(20) }))
  expect(await given).toEqual({ outcome: 'unknown', detail: 'DEVICE_TIMEOUT' })
  board.fail('hang')
  const next = driver.execute(start, context())
  await expect.poll(() => written.at(-1)).toBe('M115\n')
  board.say('ok\n')
  await new Promise(setImmediate)
  expect(written.at(-1)).toBe('M115\n')
  board.fail(undefined)
  board.say('FIRMWARE_NAME:Marlin 2.1.2\nok\n')
  expect(await next).toMatchObject({ outcome: 'denied', detail: 'open failed, File: NONE.GCO.' })
  stopWatching?.()
})

test('the late answer to a first greeting is not taken for that of the command after the second', async () => {
  const { driver, board, written } = wiredPrinter()
  board.bootAtFirstByte()
  board.fail('lost')
  const given = new AbortController()
  const heating = driver.execute(heat(60), context({ signal: given.signal }))
  await expect.poll(() => board.heard).toContain('M115')
  board.say('FIRMWARE_NAME:Marlin 2.1.2\nok\n')
  await expect.poll(() => written.at(-1)).toBe('M140 S60\n')
  given.abort()
  expect(await heating).toEqual({ outcome: 'unknown', detail: 'DEVICE_TIMEOUT' })
})

test('a command whose time runs out while the board starts is late, and is not sent', async () => {
  const { driver, board, written } = wiredPrinter()
  board.bootAtFirstByte()
  const begun = performance.now()
  const short = context({ startWithinMs: () => 1_000 - (performance.now() - begun) })
  expect(await driver.execute(heat(60), short)).toEqual({ outcome: 'late' })
  expect(written.at(-1)).toBe('M115\n')
  expect(board.effects).toEqual([])
})

test('a board that opening resets is greeted until it listens, then told once', async () => {
  const { driver, board, written } = wiredPrinter()
  board.bootAtFirstByte()
  expect(await driver.execute(heat(60), context())).toEqual({ outcome: 'confirmed' })
  expect(board.effects).toEqual(['M140 S60'])
  expect(written.slice(0, 3)).toEqual(['M115\n', 'M115\n', 'M140 S60\n'])
})

test('a printer that never answers its greeting failed: nothing was sent that does something', async () => {
  fakeTimers()
  const { driver, board, written } = wiredPrinter()
  board.fail('hang')
  const silent = driver.execute(heat(60), context({ startWithinMs: () => 60_000 }))
  await vi.advanceTimersByTimeAsync(20_000)
  expect(await silent).toEqual({ outcome: 'failed', detail: 'DEVICE_TIMEOUT' })
  expect(written).toEqual(Array.from({ length: 5 }, () => 'M115\n'))
})

test('the emergency stop is written at once, past what is in flight and what waits', async () => {
  const { driver, board, written } = wiredPrinter()
  const told: string[] = []
  const stopWatching = driver.watch?.(({ status }) => told.push(status))
  await expect.poll(() => board.heard).toContain('M20')
  board.fail('lost')
  const running = driver.execute(heat(60), context())
  const begun = performance.now()
  const short = context({ startWithinMs: () => 500 - (performance.now() - begun) })
  const waiting = driver.execute(heat(70), short)
  await expect.poll(() => written.at(-1)).toBe('M140 S60\n')
  expect(await driver.execute(stop, context())).toEqual({ outcome: 'confirmed' })
  expect(await running).toEqual({
    ...{ outcome: 'unknown', detail: 'Printer halted. kill() called!' },
  })
  expect(board.effects).toEqual(['M112'])
  expect(told.at(-1)).toBe('estop')
  expect(await waiting).toEqual({ outcome: 'late' })
  stopWatching?.()
})

test('an emergency stop that the printer does not answer is unknown, never done', async () => {
  fakeTimers()
  const { driver, board } = wiredPrinter()
  board.fail('no-parser')
  const stopping = driver.execute(stop, context())
  await vi.advanceTimersByTimeAsync(3_000)
  expect(await stopping).toMatchObject({ outcome: 'unknown' })
  expect(board.effects).toEqual([])
})

test('a command whose time runs out behind a stuck one is late, and is not sent afterwards', async () => {
  const { driver, board, written } = wiredPrinter()
  board.fail('lost')
  const stuck = driver.execute(heat(60), context({ signal: AbortSignal.timeout(300) }))
  const begun = performance.now()
  const short = context({ startWithinMs: () => 50 - (performance.now() - begun) })
  const late = driver.execute(heat(70), short)
  expect(await Promise.race([late, stuck])).toEqual({ outcome: 'late' })
  expect(await stuck).toMatchObject({ outcome: 'unknown' })
  expect(written).not.toContain('M140 S70\n')
})

test('what waits for the printer is bounded', async () => {
  const { driver, board } = wiredPrinter()
  board.fail('lost')
  const abort = new AbortController()
  const { signal } = abort
  const many = Array.from({ length: 17 }, () => driver.execute(heat(60), context({ signal })))
  expect(await many.at(-1)).toEqual({
    ...{ outcome: 'failed', detail: 'TUNNEL_BUSY' },
  })
  abort.abort()
  await Promise.all(many)
  board.fail(undefined)
  expect(await driver.execute(heat(60), context())).toEqual({ outcome: 'confirmed' })
})

test('a port that breaks while it is written to leaves the command unknown', async () => {
  const { driver, board, breakWrites } = wiredPrinter()
  const stopWatching = driver.watch?.(() => undefined)
  await expect.poll(() => board.heard).toContain('M20')
  breakWrites()
  // M27 comes first for what needs a print; a temperature goes at once.
  expect(await driver.execute(heat(60), context())).toEqual({
    ...{ outcome: 'unknown', detail: 'DEVICE_LOST' },
  })
  stopWatching?.()
})
