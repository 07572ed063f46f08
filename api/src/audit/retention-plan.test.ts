import type { EventType, RecordedEvent, StreamKind } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { event } from '../store/conformance-events.ts'
import { RetentionPlan } from './retention-plan.ts'
import { sampleData } from './sample-data.fixture.ts'

const until = '2026-06-01T00:00:00.000Z'
const before = '2026-05-31T23:59:59.999Z'
const after = '2026-06-01T00:00:01.000Z'

type Given = readonly [type: EventType, at: string]

/** How many of one stream would go. */
function expiring(streamKind: StreamKind, given: readonly Given[]): number {
  const streamId = newId()
  const events = given.map(([type, at], n) => ({
    ...event({ at }),
    ...{ type, data: sampleData[type as keyof typeof sampleData] },
    ...{ streamKind, streamId, logIndex: n, position: n + 1 },
  })) as unknown as RecordedEvent[]
  const plan = new RetentionPlan(until, [])
  for (const one of events) plan.see(one)
  for (const one of events) plan.take(one)
  return plan.events
}

test('a session that ended after the border stays whole', () => {
  const begin = [
    ['SessionRequested', before],
    ['SessionOpened', before],
  ] as const
  expect(expiring('session', [...begin, ['SessionClosed', before]])).toBe(3)
  expect(expiring('session', [...begin, ['SessionClosed', after]])).toBe(0)
  expect(expiring('session', [...begin, ['SessionClosed', until]])).toBe(0)
  expect(expiring('session', begin)).toBe(0)
})

test('what stands after an event of a day after the border stays, as whoever verifies cannot tell that it is older, and is counted', () => {
  const late = '2026-06-02T00:00:00.000Z'
  const streamId = newId()
  const one = (
    logIndex: number,
    type: 'UserSignedIn' | 'AuditQueried',
    at = before,
    recordedAt = late,
  ) => ({
    ...{
      ...event({ at }),
      type,
      data: sampleData[type],
      recordedAt,
      logIndex,
      position: logIndex + 1,
    },
    ...(type === 'AuditQueried'
      ? { streamKind: 'audit', streamId }
      : { streamKind: 'access', streamId: newId() }),
  })
  const taken = (...border: [at: string, recordedAt: string]) => {
    const plan = new RetentionPlan(until, [])
    const events = [
      ...[one(0, 'UserSignedIn'), one(1, 'AuditQueried'), one(2, 'UserSignedIn', ...border)],
      ...[one(3, 'UserSignedIn'), one(4, 'AuditQueried')],
    ] as unknown as RecordedEvent[]
    for (const event of events) plan.see(event)
    for (const event of events) plan.take(event)
    return [plan.events, plan.behind, plan.mark] as const
  }
  expect(taken(late, late)).toEqual([1, 3, { logIndex: 2, at: late }])
  expect(taken(late, before)).toEqual([4, 0, undefined])
  expect(taken(after, late)).toEqual([4, 0, undefined])
})

test('a sign-in expires before the border, and not at it', () => {
  expect(expiring('access', [['UserSignedIn', before]])).toBe(1)
  expect(expiring('access', [['UserSignedIn', until]])).toBe(0)
})
