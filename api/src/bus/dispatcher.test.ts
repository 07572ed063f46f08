import type { CommandOrder } from '@travessia/schemas/commands'
import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Dispatcher, nextStep, type Outstanding, turnOf } from './dispatcher.ts'

const order = { notBefore: 0, expiresAt: 5_000 } as CommandOrder
const issued: Outstanding = { order, status: 'issued', handedOver: false, sendAt: 0 }

test('an issued command is sent at once while the agent is online', () => {
  expect(nextStep(issued, { now: 10, isOnline: true, turnAt: 0 })).toEqual({ kind: 'send' })
})

test('a sent command waits for the next sending, never beyond its expiry', () => {
  expect(nextStep({ ...issued, sendAt: 1_010 }, { now: 20, isOnline: true, turnAt: 0 })).toEqual({
    kind: 'wait',
    until: 1_010,
  })
  expect(nextStep({ ...issued, sendAt: 5_400 }, { now: 4_500, isOnline: true, turnAt: 0 })).toEqual(
    {
      kind: 'wait',
      until: 5_000,
    },
  )
})

test('nothing is sent to an agent that is offline, nor after delivery', () => {
  expect(nextStep(issued, { now: 10, isOnline: false, turnAt: 0 })).toEqual({
    kind: 'wait',
    until: 5_000,
  })
  expect(
    nextStep({ ...issued, status: 'delivered' }, { now: 10, isOnline: true, turnAt: 0 }),
  ).toEqual({
    kind: 'wait',
    until: 5_000,
  })
})

test('a command that never left the node ends at its expiry, one that did 20 s later', () => {
  expect(nextStep(issued, { now: 5_000, isOnline: true, turnAt: 0 })).toEqual({ kind: 'give-up' })
  const handedOver = { ...issued, handedOver: true }
  expect(nextStep(handedOver, { now: 5_000, isOnline: true, turnAt: 0 })).toEqual({
    kind: 'wait',
    until: 25_000,
  })
  expect(nextStep(handedOver, { now: 25_000, isOnline: true, turnAt: 0 })).toEqual({
    kind: 'give-up',
  })
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
        const step = nextStep(
          { order, status, handedOver, sendAt },
          { now: 5_000 + late, isOnline, turnAt: 0 },
        )
        expect(step.kind).not.toBe('send')
      },
    ),
  )
})

test('the next command of a device waits until the one before has arrived or can no longer; an emergency stop does not', () => {
  const of = (seq: number, more: object = {}): Outstanding =>
    ({
      ...issued,
      order: { name: 'OpenGate', deviceId: 'd', seq, expiresAt: seq * 1_000, ...more },
    }) as Outstanding
  const [first, second, third] = [of(1), of(2), of(3)]
  expect(turnOf(first, [first, second, third])).toBe(0)
  expect(turnOf(third, [first, second, third])).toBe(2_000)
  expect(turnOf(third, [{ ...first, status: 'delivered' }, third])).toBe(0)
  expect(turnOf(third, [of(1, { deviceId: 'other' }), third])).toBe(0)
  expect(turnOf(of(4, { name: 'EmergencyStop' }), [first, second])).toBe(0)
  expect(nextStep(second, { now: 10, isOnline: true, turnAt: 1_000 })).toEqual({
    kind: 'wait',
    until: 1_000,
  })
  expect(nextStep(second, { now: 1_000, isOnline: true, turnAt: 1_000 })).toEqual({ kind: 'send' })
})

test('what is acknowledged or has ended lets the next one of its device go at once', async () => {
  const sent: string[] = []
  const dispatcher = new Dispatcher({
    link: { command: async (order) => void sent.push((order as CommandOrder).id) },
    tokens: { signOrder: async () => 'jws' },
    isOnline: () => true,
    recorder: { giveUp: async () => undefined },
    now: Date.now,
    log: pino({ level: 'silent' }),
  })
  const expiresAt = Date.now() + 60_000
  for (const [index, id] of ['a', 'b', 'c'].entries())
    dispatcher.add({
      id,
      name: 'OpenGate',
      deviceId: 'd',
      seq: index + 1,
      notBefore: Date.now(),
      expiresAt,
    } as CommandOrder)
  await expect.poll(() => sent).toEqual(['a'])
  dispatcher.noted('a', 'delivered')
  await expect.poll(() => sent).toEqual(['a', 'b'])
  dispatcher.noted('b', 'refused')
  await expect.poll(() => sent).toEqual(['a', 'b', 'c'])
  dispatcher.stop()
})

test('an order that brings a file holds back no other one of its device', () => {
  const one = (seq: number, body?: CommandOrder['body']): Outstanding => ({
    ...issued,
    order: { deviceId: 'd', seq, expiresAt: 900_000, ...(body ? { body } : {}) } as CommandOrder,
  })
  const body = { name: 'a.gcode', length: 1, sha256: '' }
  const later = one(2)
  expect(turnOf(later, [one(1), later])).toBe(900_000)
  expect(turnOf(later, [one(1, body), later])).toBe(0)
})

test('a clock that is set back makes no order live longer', async () => {
  const clock = { now: 1_000_000 }
  const sent: string[] = []
  const silences: unknown[] = []
  const presence = { isOnline: false }
  const dispatcher = new Dispatcher({
    link: { command: async (order) => void sent.push((order as CommandOrder).id) },
    tokens: { signOrder: async () => 'jws' },
    isOnline: () => presence.isOnline,
    recorder: { giveUp: async ({ id }, silence) => void silences.push({ id, ...silence }) },
    now: () => clock.now,
    log: pino({ level: 'silent' }),
  })
  const life = { notBefore: clock.now, expiresAt: clock.now + 50 }
  const order = { name: 'OpenGate', agentId: 'g', deviceId: 'd', seq: 1 } as CommandOrder
  dispatcher.add({ ...order, id: 'a', ...life })
  clock.now -= 600_000
  await expect.poll(() => silences).toMatchObject([{ id: 'a', handedOver: false }])
  expect(silences).toEqual([expect.objectContaining({ now: expect.closeTo(life.expiresAt, -5) })])
  presence.isOnline = true
  dispatcher.connected('g')
  dispatcher.add({ ...order, id: 'b', notBefore: clock.now, expiresAt: clock.now + 60_000 })
  await expect.poll(() => sent[0]).toBe('b')
  dispatcher.stop()
})
