import { expect, test } from 'vitest'
import { Departure, onceGone, signalOf } from './departure.ts'

test('a departure is told once, to who asked last, and at once when it was before', () => {
  const told: string[] = []
  const gone = new Departure()
  onceGone(gone, () => told.push('first'))
  onceGone(gone, () => told.push('last'))
  gone.abort()
  gone.abort()
  expect(told).toEqual(['last'])
  onceGone(gone, () => told.push('late'))
  expect([told, gone.aborted]).toEqual([['last', 'late'], true])
})

test('an AbortSignal is heard the same way, and a departure becomes one for who takes nothing else', () => {
  const told: string[] = []
  const abort = new AbortController()
  onceGone(abort.signal, () => told.push('signal'))
  abort.abort()
  expect(signalOf(abort.signal)).toBe(abort.signal)
  const gone = new Departure()
  const signal = signalOf(gone)
  expect(signal.aborted).toBe(false)
  gone.abort()
  expect([told, signal.aborted, signalOf(gone).aborted]).toEqual([['signal'], true, true])
})
