import type { CommandOrder } from '@travessia/schemas/commands'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextStep, type Outstanding } from './dispatcher.ts'

const order = { expiresAt: 5_000 } as CommandOrder
const issued: Outstanding = { order, status: 'issued', handedOver: false, sendAt: 0 }

test('an issued command is sent at once while the agent is online', () => {
  expect(nextStep(issued, 10, true)).toEqual({ kind: 'send' })
})

test('a sent command waits for the next sending, never beyond its expiry', () => {
  expect(nextStep({ ...issued, sendAt: 1_010 }, 20, true)).toEqual({ kind: 'wait', until: 1_010 })
  expect(nextStep({ ...issued, sendAt: 5_400 }, 4_500, true)).toEqual({
    kind: 'wait',
    until: 5_000,
  })
})

test('nothing is sent to an agent that is offline, nor after delivery', () => {
  expect(nextStep(issued, 10, false)).toEqual({ kind: 'wait', until: 5_000 })
  expect(nextStep({ ...issued, status: 'delivered' }, 10, true)).toEqual({
    kind: 'wait',
    until: 5_000,
  })
})

test('a command that never left the node ends at its expiry, one that did 20 s later', () => {
  expect(nextStep(issued, 5_000, true)).toEqual({ kind: 'give-up' })
  const handedOver = { ...issued, handedOver: true }
  expect(nextStep(handedOver, 5_000, true)).toEqual({ kind: 'wait', until: 25_000 })
  expect(nextStep(handedOver, 25_000, true)).toEqual({ kind: 'give-up' })
})

test('a command is never sent at or after its expiry, whatever is known of it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('issued', 'delivered', 'running'),
      fc.boolean(),
      fc.boolean(),
      fc.nat(9_000),
      fc.nat(40_000),
      (status, handedOver, isOnline, sendAt, late) => {
        const step = nextStep({ order, status, handedOver, sendAt }, 5_000 + late, isOnline)
        expect(step.kind).not.toBe('send')
      },
    ),
  )
})
