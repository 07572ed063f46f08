import { expect, test } from 'vitest'
import type { Manifest } from './manifest.ts'
import { SessionCheck } from './session-check.ts'

test.each([
  [{ sessionId: 's', installationIds: ['a'] }, 1],
  [{ sessionId: 's', types: ['SessionOpened'] }, undefined],
])('a session is judged also for who sees some places only: %j', (filter, events) => {
  const check = new SessionCheck({ scope: 'selection', filter } as unknown as Manifest)
  check.see({ streamId: 's', version: 1, type: 'SessionOpened' })
  expect(check.part()?.events).toBe(events)
})
