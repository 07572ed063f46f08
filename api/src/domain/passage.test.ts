import { newId } from '@travessia/schemas/ids'
import type { Passage } from '@travessia/schemas/passages'
import { expect, test } from 'vitest'
import { passage, passageIdOf } from './passage.ts'

const agentAt = Date.parse('2026-11-24T12:00:00.000Z')
const deviceAt = Date.parse('2026-11-24T09:00:00.000Z')
const times = { deviceTime: '2026-11-24T09:00:00.000Z', agentTime: '2026-11-24T12:00:00.000Z' }
const common = { key: 'access_events:7@1', deviceAt, agentAt }

function factsOf(told: Passage, isKnown = false) {
  return passage.decide({ type: 'ReportPassage', passage: told }, { isKnown })
}

test.each<[Passage, string, object]>([
  [
    { outcome: 'passed', direction: 'clockwise', way: 'entry', userId: '42', ...common },
    'PassageConfirmed',
    { direction: 'clockwise', way: 'entry', deviceUserId: '42', ...times },
  ],
  [
    { outcome: 'passed', direction: 'anticlockwise', ...common, commandId: newId() },
    'PassageConfirmed',
    { direction: 'anticlockwise', ...times },
  ],
  [{ outcome: 'gave-up', key: 'a', agentAt }, 'PassageGivenUp', { agentTime: times.agentTime }],
  [
    { outcome: 'denied', reason: 'denied', ...common },
    'PassageDenied',
    { reason: 'denied', ...times },
  ],
  [
    { outcome: 'missed', list: 'access_logs', count: 3, key: 'm', agentAt },
    'PassagesMissed',
    { list: 'access_logs', count: 3, agentTime: times.agentTime },
  ],
])('%o is %s', (told, type, data) => {
  expect(factsOf(told)).toEqual([{ type, data }])
})

test('what is known is no news', () => {
  const told: Passage = { outcome: 'gave-up', ...common }
  const [fact] = factsOf(told)
  if (!fact) throw new Error('nothing decided')
  expect(factsOf(told, passage.evolve({ isKnown: false }, fact).isKnown)).toEqual([])
})

test('the id of a passage is of its tenant, device and row, and always the same', () => {
  const [tenantId, deviceId] = [newId(), newId()]
  const id = passageIdOf(tenantId, deviceId, 'access_events:7@1')
  expect(id).toMatch(/^[a-z0-9]{26}$/)
  expect(passageIdOf(tenantId, deviceId, 'access_events:7@1')).toBe(id)
  for (const other of [
    passageIdOf(tenantId, deviceId, 'access_events:7@2'),
    passageIdOf(tenantId, newId(), 'access_events:7@1'),
    passageIdOf(newId(), deviceId, 'access_events:7@1'),
  ])
    expect(other).not.toBe(id)
})
