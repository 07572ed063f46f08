import type { Command } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PortFault } from './port.ts'
import { context, wiredPrinter } from './wire.fixture.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const start: Command = { name: 'StartPrint', args: { file: 'CUBO.GCO' } }
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

async function watched() {
  let at = 0
  const printer = wiredPrinter({ now: () => at })
  const told: DeviceState[] = []
  const stop = printer.driver.watch?.((state) => told.push(state)) ?? (() => undefined)
  await pass()
  return {
    ...{ ...printer, told, stop, now: () => told.at(-1) },
    goOn: async (ms: number) => {
      at += ms
      await pass(ms)
    },
    /** How often the printer is asked for its temperatures while `ms` pass. */
    looksIn: async (ms: number) => {
      const before = printer.written.filter((line) => line === 'M105\n').length
      at += ms
      await pass(ms)
      return printer.written.filter((line) => line === 'M105\n').length - before
    },
  }
}

test('an idle printer is told at once, with its temperatures and what its card holds', async () => {
  const { now, stop } = await watched()
  expect(now()).toEqual({
    status: 'idle',
    temperatures: [
      { sensor: 'nozzle', actual: 22, target: null },
      { sensor: 'bed', actual: 22, target: null },
    ],
    files: ['SUPORT~1.GCO', 'CUBO.GCO'],
  })
  stop()
})

test('it is looked at every ten seconds when idle, every two when printing', async () => {
  const { driver, looksIn, stop } = await watched()
  expect(await looksIn(30_000)).toBe(3)
  await driver.execute(start, context())
  await looksIn(10_000)
  expect(await looksIn(8_000)).toBe(4)
  stop()
})

test('a print has its file and progress, and ends as finished', async () => {
  const { driver, goOn, now, stop } = await watched()
  await driver.execute(start, context())
  await goOn(10_000)
  expect(now()).toMatchObject({
    ...{ status: 'printing', job: { file: 'CUBO.GCO', progress: 50, secondsLeft: null } },
  })
  await goOn(12_000)
  expect(now()).toMatchObject({ status: 'finished' })
  expect(now()).not.toHaveProperty('job')
  stop()
})

test('a print that was begun at the screen gets its name from the printer', async () => {
  const { board, goOn, now, stop } = await watched()
  board.receive(Buffer.from('M23 SUPORT~1.GCO\nM24\n'))
  await pass()
  await goOn(10_000)
  expect(now()).toMatchObject({ status: 'printing', job: { file: 'SUPORT~1.GCO' } })
  stop()
})

test('a pause and a cancellation at the screen are told at once', async () => {
  const { board, driver, now, stop } = await watched()
  await driver.execute(start, context())
  board.touch('paused')
  await pass()
  expect(now()).toMatchObject({ status: 'paused', job: { file: 'CUBO.GCO' } })
  board.touch('resumed')
  await pass()
  expect(now()).toMatchObject({ status: 'printing' })
  board.touch('cancel')
  await pass()
  expect(now()).toMatchObject({ status: 'cancelled' })
  stop()
})

test('a printer that stops itself is an error with its own words, until it starts anew', async () => {
  const { board, goOn, now, stop } = await watched()
  board.say('Error:Heating failed, system stopped! Heater_ID: 0\n')
  await pass()
  expect(now()).toEqual({
    ...{ status: 'error', detail: 'Heating failed, system stopped! Heater_ID: 0' },
  })
  board.reset()
  await goOn(300)
  expect(now()).toMatchObject({ status: 'idle' })
  stop()
})

test('an unplugged printer is offline at once, and is found again when it is back', async () => {
  const { goOn, now, refuse, stop, unplug } = await watched()
  refuse(new PortFault('SERIAL_ABSENT'))
  unplug()
  expect(now()).toEqual({ status: 'offline', detail: 'DEVICE_LOST' })
  await goOn(12_000)
  expect(now()).toEqual({ status: 'offline', detail: 'SERIAL_ABSENT' })
  refuse(undefined)
  await goOn(60_000)
  expect(now()).toMatchObject({ status: 'idle' })
  stop()
})

test('a port that cannot be opened is tried ever more rarely; one that another program uses, once a minute', async () => {
  for (const [code, most] of [['SERIAL_ABSENT', 9] as const, ['SERIAL_BUSY', 4] as const]) {
    const { goOn, openings, refuse, stop, unplug } = await watched()
    refuse(new PortFault(code))
    unplug()
    const before = openings()
    await goOn(180_000)
    const tries = openings() - before
    expect(tries, code).toBeGreaterThanOrEqual(most === 4 ? 3 : 6)
    expect(tries, code).toBeLessThanOrEqual(most)
    stop()
  }
})

test('a silent printer is offline, one that heats for minutes is not', async () => {
  const { board, goOn, now, stop } = await watched()
  board.fail('hang')
  await pass(10_000)
  for (let second = 0; second < 120; second += 1) {
    board.say('T:25.1 /210.0 B:22.0 /60.0 @:127 W:?\n')
    await pass(1_000)
  }
  expect(now()).toMatchObject({
    status: 'preparing',
    temperatures: [{ sensor: 'nozzle', actual: 25.1, target: 210 }, { sensor: 'bed' }],
  })
  await goOn(6_000)
  expect(now()).toEqual({ status: 'offline', detail: 'DEVICE_TIMEOUT' })
  stop()
})

test('after stop the port is closed, no timer is left and nothing is told any more', async () => {
  const { driver, isOpen, stop, told, written } = await watched()
  await driver.execute(start, context())
  expect(isOpen()).toBe(true)
  stop()
  stop()
  await pass()
  expect(isOpen()).toBe(false)
  const said = told.length
  const sent = written.length
  expect(vi.getTimerCount()).toBe(0)
  await pass(120_000)
  expect(told).toHaveLength(said)
  expect(written).toHaveLength(sent)
})

test('stop in the middle of a look ends it', async () => {
  const printer = wiredPrinter()
  printer.board.fail('hang')
  const told: DeviceState[] = []
  const stop = printer.driver.watch?.((state) => told.push(state))
  await expect.poll(() => printer.written).toEqual(['M115\n'])
  stop?.()
  await pass()
  expect(printer.isOpen()).toBe(false)
  expect(told).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})
