import type { RecordedEvent, RetentionFact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { expiresBefore, type Hold, isHeld, retention } from './retention.ts'

const id = newId()
const after = (...facts: RetentionFact[]) => facts.reduce(retention.evolve, retention.initialState)
const coded = (code: string) => expect.objectContaining({ code })
const limited: RetentionFact = { type: 'RetentionChanged', data: { days: 90 } }
const hold = { holdId: newId(), scope: 'device', id, reason: 'processo' } as const
const held: RetentionFact = { type: 'LegalHoldPlaced', data: hold }
const apply = { type: 'Apply' as const, days: 90, until: '2026-01-01T00:00:00.000Z', events: 0 }

test('everything is kept until somebody says otherwise, and thirty days at least', () => {
  expect(after().days).toBe(null)
  expect(() => retention.decide({ type: 'ChangeRetention', days: 29 }, after())).toThrow(
    coded('MESSAGE_INVALID'),
  )
  expect(retention.decide({ type: 'ChangeRetention', days: 90 }, after())).toEqual([limited])
  expect(retention.decide({ type: 'ChangeRetention', days: 90 }, after(limited))).toEqual([])
})

test('a hold is placed on something, or on all, and lifted once', () => {
  expect(retention.decide({ type: 'PlaceHold', ...hold }, after())).toEqual([held])
  for (const wrong of [
    { ...hold, scope: 'all' },
    { holdId: id, scope: 'user', reason: 'x' },
  ])
    expect(() => retention.decide({ type: 'PlaceHold', ...(wrong as Hold) }, after())).toThrow(
      coded('MESSAGE_INVALID'),
    )
  const lift = { type: 'LiftHold', holdId: hold.holdId } as const
  const other: RetentionFact = { ...held, data: { ...hold, holdId: newId() } }
  const [lifted] = retention.decide(lift, after(held, other)) as [RetentionFact]
  const left = after(held, other, lifted)
  expect(left.holds).toEqual([other.data])
  expect(() => retention.decide(lift, left)).toThrow(coded('NOT_FOUND'))
})

test('two hundred holds stand at once, and not one more', () => {
  const many = Array.from({ length: 200 }, () => ({ ...held, data: { ...hold, holdId: newId() } }))
  const place = { type: 'PlaceHold', ...hold } as const
  expect(retention.decide(place, after(...many.slice(1)))).toEqual([held])
  expect(() => retention.decide(place, after(...many))).toThrow(coded('MESSAGE_INVALID'))
})

test('a plan that a hold or another policy has overtaken is not applied', () => {
  const planned = after(limited)
  expect(
    retention.decide({ ...apply, spans: [], revision: planned.revision }, planned),
  ).toHaveLength(1)
  for (const state of [after(limited, held), after(limited, { ...limited, data: { days: 60 } })])
    expect(() =>
      retention.decide({ ...apply, spans: [], revision: planned.revision }, state),
    ).toThrow(coded('CONFLICT'))
})

test.each([
  ['2026-11-29T12:00:00Z', 90, '2026-08-01'],
  ['2026-11-30T23:59:59Z', 30, '2026-10-01'],
  ['2026-03-02T00:00:00Z', 30, '2026-01-01'],
])('at %s with %d days what is older than %s expires: whole months only', (now, days, until) => {
  expect(expiresBefore(Date.parse(now), days)).toBe(`${until}T00:00:00.000Z`)
})

test.each([
  ['all', {}],
  ['installation', { installationId: id }],
  ['device', { deviceId: id }],
  ['user', { actor: { type: 'user', id } }],
  ['user', { data: { userId: id } }],
  ['session', { sessionId: id }],
  ['session', { streamId: id }],
] as const)('a hold of %s keeps %j, and nothing else', (scope, fields) => {
  const other = { actor: { type: 'user', id: newId() }, data: {}, streamId: newId() }
  const placed = [{ holdId: newId(), scope, ...(scope === 'all' ? {} : { id }), reason: 'x' }]
  expect(isHeld({ ...other, ...fields } as unknown as RecordedEvent, placed)).toBe(true)
  expect(isHeld(other as unknown as RecordedEvent, placed)).toBe(scope === 'all')
  expect(isHeld({ ...other, ...fields } as unknown as RecordedEvent, [])).toBe(false)
})
