import type { DeviceList } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { DeviceLists } from './device-lists.ts'

const agent = { tenantId: newId(), agentId: newId() }
const list = { ...agent, version: 7, devices: [] } as DeviceList
const steps: string[] = []
let lists: DeviceLists

afterEach(() => {
  lists.stop()
  steps.length = 0
  vi.useRealTimers()
})

/** @param failures how often the log refuses what is recorded */
function start(failures: number): void {
  vi.useFakeTimers()
  let left = failures
  lists = new DeviceLists({
    link: { command: async () => void steps.push('sent') },
    listOf: async () => list,
    tokens: { signDevices: async () => 'signed' },
    async recordCredentials() {
      left -= 1
      if (left >= 0) throw new TravessiaError('STORE_UNAVAILABLE')
      steps.push('recorded')
    },
    isOnline: () => true,
    log: pino({ level: 'silent' }),
  })
  lists.connected(agent)
}

test('which credentials a list carries is durable before it goes, also when it goes again', async () => {
  start(0)
  await vi.advanceTimersByTimeAsync(2_100)
  expect(steps).toEqual(['recorded', 'sent', 'recorded', 'sent'])
})

test('while the log refuses, nothing goes; as soon as it takes it, the list goes', async () => {
  start(2)
  await vi.advanceTimersByTimeAsync(3_900)
  expect(steps).toEqual([])
  await vi.advanceTimersByTimeAsync(200)
  expect(steps).toEqual(['recorded', 'sent'])
})

test('an agent that has confirmed is sent nothing more', async () => {
  start(0)
  await vi.advanceTimersByTimeAsync(0)
  lists.confirmed(agent, list.version)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(steps).toEqual(['recorded', 'sent'])
})

test('many changes at once are two lists, and go again as one', async () => {
  start(0)
  for (let n = 0; n < 100; n += 1) lists.changed(agent)
  await vi.advanceTimersByTimeAsync(0)
  expect(steps).toEqual(['recorded', 'sent', 'recorded', 'sent'])
  await vi.advanceTimersByTimeAsync(2_100)
  expect(steps).toEqual(['recorded', 'sent', 'recorded', 'sent', 'recorded', 'sent'])
})
