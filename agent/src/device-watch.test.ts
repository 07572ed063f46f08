import type { DeviceState, StateReport } from '@travessia/schemas/device-state'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DeviceWatch } from './device-watch.ts'
import type { Driver } from './drivers/driver.ts'
import { deviceAt } from './fixtures.ts'

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  })
})
afterEach(() => {
  vi.useRealTimers()
})

const device = () => deviceAt('http://10.0.0.5')

function watchOf() {
  const reports: StateReport[] = []
  const tells = new Map<string, (state: DeviceState) => void>()
  const stopped: string[] = []
  const watch = new DeviceWatch({
    driverFor: async ({ deviceId }): Promise<Driver> => ({
      execute: async () => ({ outcome: 'accepted' }),
      watch: (tell) => {
        tells.set(deviceId, tell)
        return () => stopped.push(deviceId)
      },
    }),
    tell: (report) => reports.push(report),
    log: pino({ level: 'silent' }),
  })
  return { reports, tells, stopped, watch }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

test('a state is told at once, the same again is not, a change is', async () => {
  const { reports, tells, watch } = watchOf()
  const one = device()
  watch.update([one])
  await settle()
  const tell = tells.get(one.deviceId)
  tell?.({ status: 'idle' })
  tell?.({ status: 'idle' })
  await vi.advanceTimersByTimeAsync(5_000)
  tell?.({ status: 'printing' })
  expect(reports.map(({ state }) => state.status)).toEqual(['idle', 'printing'])
  watch.stop()
})

test('of many changes within a second the last one is told when the second is over', async () => {
  const { reports, tells, watch } = watchOf()
  const one = device()
  watch.update([one])
  await settle()
  for (let n = 0; n < 50; n += 1) tells.get(one.deviceId)?.({ status: 'printing', detail: `${n}` })
  expect(reports).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(reports.map(({ state }) => state.detail)).toEqual(['0', '49'])
  watch.stop()
})

test('what did not change is told again each minute', async () => {
  const { reports, tells, watch } = watchOf()
  const one = device()
  watch.update([one])
  await settle()
  tells.get(one.deviceId)?.({ status: 'online' })
  await vi.advanceTimersByTimeAsync(120_000)
  expect(reports).toHaveLength(3)
  watch.stop()
})

test('at a new connection everything that is known is told again', async () => {
  const { reports, tells, watch } = watchOf()
  const one = device()
  watch.update([one])
  await settle()
  watch.again()
  expect(reports).toHaveLength(0)
  tells.get(one.deviceId)?.({ status: 'online' })
  watch.again()
  expect(reports).toHaveLength(2)
  watch.stop()
})

test('a device that was changed or removed is not watched any more', async () => {
  const { reports, tells, stopped, watch } = watchOf()
  const one = device()
  watch.update([one])
  await settle()
  watch.update([{ ...one, baseUrl: 'http://10.0.0.6' }])
  expect(stopped).toEqual([one.deviceId])
  watch.update([])
  await settle()
  tells.get(one.deviceId)?.({ status: 'online' })
  watch.stop()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(reports.length).toBeLessThanOrEqual(1)
})
