import { deviceStatuses } from '@travessia/schemas/device-state'
import { expect, test } from 'vitest'
import { fitsState, isStale } from './device-status.ts'

const fitting = (command: Parameters<typeof fitsState>[0]) =>
  deviceStatuses.filter((status) => fitsState(command, status))

test('each print command is offered only where it can do something', () => {
  expect(fitting('PausePrint')).toEqual(['printing'])
  expect(fitting('ResumePrint')).toEqual(['paused'])
  expect(fitting('CancelPrint')).toEqual(['preparing', 'printing', 'paused'])
  expect(fitting('StartPrint')).toEqual(['idle', 'finished', 'cancelled', 'error'])
})

test('of a printer that was never heard of only the emergency stop is offered', () => {
  for (const command of ['PausePrint', 'ResumePrint', 'CancelPrint', 'StartPrint'] as const)
    expect(fitsState(command, undefined)).toBe(false)
  expect(fitsState('EmergencyStop', undefined)).toBe(true)
})

test('a state is stale when it was not said again for ninety seconds', () => {
  const at = '2026-11-24T12:00:00Z'
  expect(isStale(at, Date.parse(at) + 89_000)).toBe(false)
  expect(isStale(at, Date.parse(at) + 91_000)).toBe(true)
})
