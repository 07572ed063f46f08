import { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { GapsView } from './gaps.ts'
import { SessionsView } from './sessions.ts'

const view = () => new GapsView(new DatabaseSync(':memory:'))
const lost = (position: number, streamId = 's', tenantId = 't') =>
  ({
    ...{ position, streamId, tenantId, type: 'RecordingGapDetected' },
    data: sampleData.RecordingGapDetected,
  }) as unknown as RecordedEvent

test('gaps are counted of a session and of all that its tenant has, each event once', async () => {
  const gaps = view()
  for (const event of [lost(1), lost(1), lost(2, 'r'), lost(3, 's'), lost(4, 'o', 'other')])
    gaps.apply(event)
  gaps.apply({ ...lost(5), type: 'SessionClosed' } as RecordedEvent)
  expect(await gaps.count('t', 's')).toEqual({ gaps: 2, hasMoreGaps: false })
  expect(await gaps.count('t')).toEqual({ gaps: 3, hasMoreGaps: false })
  expect(await gaps.count('t', 'o')).toEqual({ gaps: 0, hasMoreGaps: false })
})

test('more than 200 gaps are 200 and more', async () => {
  const gaps = view()
  for (let position = 1; position <= 200; position += 1) gaps.apply(lost(position))
  expect(await gaps.count('t')).toEqual({ gaps: 200, hasMoreGaps: false })
  gaps.apply(lost(201))
  expect(await gaps.count('t', 's')).toEqual({ gaps: 200, hasMoreGaps: true })
})

test('gaps that have expired are not counted any more', async () => {
  const gaps = view()
  for (const position of [1, 2, 3]) gaps.apply(lost(position))
  const data = { ...sampleData.RetentionApplied, spans: [[0, 1, 1, 2]] }
  gaps.apply({ ...lost(4), type: 'RetentionApplied', data } as unknown as RecordedEvent)
  expect(await gaps.count('t')).toMatchObject({ gaps: 1 })
})

test('sessions with gaps are told from those without, whatever other sessions have', async () => {
  const database = new DatabaseSync(':memory:')
  const [gaps, sessions] = [new GapsView(database), new SessionsView(database)]
  for (const [index, streamId] of ['s', 'r', 'q'].entries()) {
    const requested = { ...lost(index + 1, streamId), actor: { type: 'user', id: 'u' }, at: 'now' }
    const data = sampleData.SessionRequested
    sessions.apply({ ...requested, type: 'SessionRequested', data } as unknown as RecordedEvent)
  }
  for (const event of [lost(4, 's'), lost(5, 'q'), lost(6, 'q'), lost(7, 'request')])
    gaps.apply(event)
  const list = async (hasGaps: boolean) => {
    const filter = { tenantId: 't', installationIds: null, limit: 9, hasGaps }
    return (await sessions.list(filter)).map(({ id }) => id)
  }
  expect(await list(true)).toEqual(['q', 's'])
  expect(await list(false)).toEqual(['r'])
})
