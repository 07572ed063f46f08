import type { RecordedEvent } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { sessionPage } from './session-page.ts'

const events = [3, 4, 5].map((version) => ({ version }) as RecordedEvent)

test('a page of a session holds no more than it may, and says after which version there is more', () => {
  expect(sessionPage(events, 2)).toEqual({ events: events.slice(0, 2), nextAfter: 4 })
  expect(sessionPage(events, 3)).toEqual({ events })
  expect(sessionPage([], 3)).toEqual({ events: [] })
})
