import type { CameraFact } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { type ViewingIntent, viewing } from './viewing.ts'

const opened: CameraFact = { type: 'CameraViewOpened', data: { mode: 'stream' } }
const closed: CameraFact = { type: 'CameraViewClosed', data: { reason: 'viewer' } }
const close: ViewingIntent = { type: 'CloseView', end: { reason: 'viewer' } }

const decide = (given: readonly CameraFact[], intent: ViewingIntent) =>
  viewing.decide(intent, given.reduce(viewing.evolve, viewing.initialState))

test('a viewing is opened once and closed once', () => {
  expect(decide([], { type: 'OpenView', mode: 'stream' })).toEqual([opened])
  expect(decide([opened], close)).toEqual([closed])
  expect(decide([opened, closed], close)).toEqual([])
  expect(() => decide([opened], { type: 'OpenView', mode: 'stream' })).toThrow()
  expect(() => decide([opened, closed], { type: 'OpenView', mode: 'stream' })).toThrow()
})

test('what was never opened has no end, and a photo needs none', () => {
  expect(decide([], close)).toEqual([])
  const photo = decide([], { type: 'RequestSnapshot' })
  expect(photo).toEqual([{ type: 'CameraSnapshotRequested', data: {} }])
  expect(decide(photo, close)).toEqual([])
})
