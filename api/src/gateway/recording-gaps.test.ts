import { getEventListeners } from 'node:events'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Append } from '../store/event-store.ts'
import { quietMs, type Recorded, RecordingGaps } from './recording-gaps.ts'

const startedAt = Date.parse('2026-11-24T12:00:00.000Z')
const of = {
  session: { id: newId(), tenantId: newId() },
  device: { id: newId(), installationId: newId() },
} as Recorded
let told: Append['events'][number][]
let isAway: boolean
let gaps: RecordingGaps

beforeEach(() => {
  vi.useFakeTimers({ now: startedAt })
  ;[told, isAway] = [[], false]
  const append = async ({ events }: Append) => {
    if (isAway) throw new TravessiaError('STORE_UNAVAILABLE')
    told.push(...events)
    return { position: told.length, version: told.length }
  }
  const log = pino({ level: 'silent' })
  gaps = new RecordingGaps({ store: { append } as never, now: Date.now, log })
})
afterEach(async () => {
  await gaps.stop()
  vi.useRealTimers()
})

const data = () => told.map((event) => event.data)
const at = (ms: number) => new Date(startedAt + ms).toISOString()

test('the first gap of a kind is told at once, what follows within a minute as one', async () => {
  gaps.note(of, 'rate')
  await vi.advanceTimersByTimeAsync(0)
  expect(data()).toEqual([{ cause: 'rate', from: at(0), to: at(0), parts: 1 }])
  for (let second = 1; second <= 30; second += 1) {
    await vi.advanceTimersByTimeAsync(1_000)
    gaps.note(of, 'rate', startedAt + 500)
  }
  expect(told).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(quietMs)
  expect(data().slice(1)).toEqual([{ cause: 'rate', from: at(500), to: at(30_000), parts: 30 }])
  gaps.note(of, 'rate')
  expect(told).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(quietMs)
  expect(told).toHaveLength(3)
})

test('each kind and each session is told by itself', async () => {
  gaps.note(of, 'rate')
  gaps.note(of, 'malformed')
  gaps.note({ ...of, session: { ...of.session, id: newId() } }, 'rate')
  await vi.advanceTimersByTimeAsync(0)
  expect(told).toHaveLength(3)
})

test('a gap that the log does not take is told as soon as it does, once', async () => {
  isAway = true
  gaps.note(of, 'store')
  await vi.advanceTimersByTimeAsync(12_000)
  expect(told).toEqual([])
  isAway = false
  await vi.advanceTimersByTimeAsync(quietMs)
  expect(data()).toEqual([{ cause: 'store', from: at(0), to: at(0), parts: 1 }])
})

test('a node that stops tells what it still has to tell', async () => {
  gaps.note(of, 'rate')
  gaps.note(of, 'rate')
  gaps.note(of, 'rate')
  await gaps.stop()
  expect(data()).toMatchObject([{ parts: 1 }, { parts: 2 }])
})

test('nothing of a gap that was told is left behind', async () => {
  const listening = vi.spyOn(EventTarget.prototype, 'addEventListener')
  for (let minute = 0; minute < 3; minute += 1) {
    gaps.note(of, 'rate')
    await vi.advanceTimersByTimeAsync(quietMs)
  }
  expect(told).toHaveLength(3)
  const signals = new Set(listening.mock.contexts as EventTarget[])
  expect(signals.size).toBe(1)
  for (const signal of signals) expect(getEventListeners(signal, 'abort')).toEqual([])
  listening.mockRestore()
})
