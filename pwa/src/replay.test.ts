import type { AuditEvent } from '@travessia/schemas/api'
import { describe, expect, test } from 'vitest'
import { timelineOf } from './exchanges.ts'
import { advance, clockOf, indexAt, instantOf, momentsOf, trackOf } from './replay.ts'

const start = Date.parse('2026-11-24T12:00:00.000Z')
const event = (type: string, second: number, more: object = {}) =>
  ({
    ...{ id: `${type}${second}`, type, data: {} },
    at: new Date(start + second * 1_000).toISOString(),
    ...more,
  }) as unknown as AuditEvent
const request = event('HttpRequestForwarded', 1, { data: { requestId: 'a' } })
const answer = event('HttpResponseReceived', 3, { data: { requestId: 'a', status: 404 } })
const lines = timelineOf([
  ...[event('SessionOpened', 0), request, answer],
  ...[
    event('CommandIssued', 60, { commandId: 'c' }),
    event('CommandFailed', 61, { commandId: 'c' }),
  ],
])
const moments = momentsOf(lines, start)

test('a line stands where its first fact was and lasts until its last, and says whether it went wrong', () => {
  expect(moments.map(({ fromMs, toMs, isBad }) => [fromMs, toMs, isBad])).toEqual([
    [0, 0, false],
    [1_000, 3_000, true],
    [60_000, 61_000, true],
  ])
  expect(lines.map(({ kind }) => kind)).toEqual(['event', 'exchange', 'command'])
})

describe('a track', () => {
  const durationMs = 90_000

  test('that skips nothing takes as long as the session took', () => {
    const track = trackOf(moments, { durationMs, skipsIdle: false })
    expect(advance(track, 0, 45_000)).toBe(45_000)
    expect(advance(track, 0, 90_000)).toBe(durationMs)
  })

  test('that skips inactivity plays what happened at its own pace, and has the rest behind it soon', () => {
    const track = trackOf(moments, { durationMs, skipsIdle: true })
    expect(advance(track, 0, 2_500)).toBe(2_500)
    // 3 s of the exchange, a rest before and after each pause, and the pauses at 700 ms each.
    expect(advance(track, 3_000, 800 + 700 + 800)).toBe(60_000)
    expect(advance(track, 0, 9_000)).toBe(durationMs)
    const { stretches } = track
    expect(stretches[0]?.fromMs).toBe(0)
    expect(stretches.at(-1)?.toMs).toBe(durationMs)
    for (const [index, { fromMs }] of stretches.slice(1).entries())
      expect(fromMs).toBe(stretches[index]?.toMs)
  })

  test('of nothing is at its end', () => {
    expect(advance(trackOf([], { durationMs: 0, skipsIdle: true }), 0, 100)).toBe(0)
  })
})

test('the line that is on is the last one that has begun', () => {
  expect(indexAt(moments, 999)).toBe(0)
  expect(indexAt(moments, 1_000)).toBe(1)
  expect(indexAt(moments, 90_000)).toBe(2)
  expect(indexAt([], 5)).toBe(-1)
})

test('a link to an instant is in seconds and stays within the recording', () => {
  expect(instantOf('?t=12.5', 60_000)).toBe(12_500)
  expect(instantOf('?t=900', 60_000)).toBe(60_000)
  expect(instantOf('?t=-1', 60_000)).toBe(0)
  expect(instantOf('?t=x', 60_000)).toBe(0)
  expect(instantOf('', 60_000)).toBe(0)
})

test('a place in the recording reads like a clock', () => {
  expect([clockOf(0), clockOf(65_400), clockOf(3_600_000)]).toEqual(['0:00', '1:05', '1:00:00'])
})
