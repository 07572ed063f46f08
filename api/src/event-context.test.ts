import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { eventContext } from './event-context.ts'

const actor = { type: 'user', id: newId() } as const
const now = Date.parse('2026-11-24T12:00:00Z')

test('a context has what is known of its fact, and nothing else of what it was taken from', () => {
  const row = { id: 'row', deviceId: 'd', agentId: null, sessionId: undefined, commandId: '' }
  expect(eventContext(actor, now, { ...row, correlationId: 'request' })).toStrictEqual({
    ...{ actor, at: '2026-11-24T12:00:00.000Z' },
    ...{ deviceId: 'd', commandId: '', correlationId: 'request' },
  })
})

test('a context without a request has a correlation of its own', () => {
  const [first, second] = [eventContext(actor, now), eventContext(actor, now)]
  expect(first.correlationId).not.toBe(second.correlationId)
})
