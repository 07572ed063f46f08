import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LiveSession } from './remote-sessions.ts'
import { SessionCloser } from './session-closer.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function setUp() {
  const session = { id: 's', expiresAt: Date.now() + 1_000 } as LiveSession
  const closed: string[] = []
  const closer = new SessionCloser(Date.now, ({ id }) => closed.push(id))
  return { session, closed, closer }
}

test('a session is closed at its moment, not before', () => {
  const { session, closed, closer } = setUp()
  closer.watch(session)
  vi.advanceTimersByTime(999)
  expect(closed).toEqual([])
  vi.advanceTimersByTime(1)
  expect(closed).toEqual(['s'])
})

test('an extension moves the end', () => {
  const { session, closed, closer } = setUp()
  closer.watch(session)
  session.expiresAt += 5_000
  closer.watch(session)
  vi.advanceTimersByTime(5_999)
  expect(closed).toEqual([])
  vi.advanceTimersByTime(1)
  expect(closed).toEqual(['s'])
})

test('a session whose time is over already is closed at once', () => {
  const { session, closed, closer } = setUp()
  closer.watch({ ...session, expiresAt: Date.now() - 1 })
  vi.advanceTimersByTime(1)
  expect(closed).toEqual(['s'])
})

test('an end that could not be recorded is tried again five seconds later', () => {
  const { session, closed, closer } = setUp()
  closer.retry(session, () => closed.push('again'))
  vi.advanceTimersByTime(4_999)
  expect(closed).toEqual([])
  vi.advanceTimersByTime(1)
  expect(closed).toEqual(['again'])
})

test('a forgotten session, or one of a stopped node, is not closed', () => {
  const { session, closed, closer } = setUp()
  closer.watch(session)
  closer.forget(session)
  closer.watch({ ...session, id: 't' })
  closer.stop()
  vi.advanceTimersByTime(60_000)
  expect(closed).toEqual([])
})
