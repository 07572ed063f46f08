import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from './slots.ts'

const here = new AbortController().signal
const busy = expect.objectContaining({ code: 'TUNNEL_BUSY' })

test('beyond the limit callers wait in order, and beyond the waiting room they are refused', async () => {
  const slots = new Slots(1, 2)
  const free = await slots.take(here)
  const order: number[] = []
  const second = slots.take(here).then((release) => {
    order.push(2)
    return release
  })
  const third = slots.take(here).then((release) => {
    order.push(3)
    return release
  })
  await expect(slots.take(here)).rejects.toEqual(busy)
  free()
  ;(await second)()
  await third
  expect(order).toEqual([2, 3])
})

test('a browser that stops waiting takes no slot', async () => {
  const slots = new Slots(1, 10)
  const free = await slots.take(here)
  const gone = new AbortController()
  const waiting = slots.take(gone.signal)
  gone.abort()
  await expect(waiting).rejects.toEqual(busy)
  free()
  const next = await slots.take(here)
  next()
  await expect(slots.take(gone.signal)).rejects.toEqual(busy)
})

test('a slot is freed once, however often its holder says so', async () => {
  const slots = new Slots(1, 0)
  const free = await slots.take(here)
  free()
  free()
  await slots.take(here)
  await expect(slots.take(here)).rejects.toEqual(busy)
})

test('whatever comes, goes and gives up, never more than the limit are in, and in the end nobody is', async () => {
  const step = fc.record({ action: fc.constantFrom('take', 'free', 'leave'), which: fc.nat(9) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const slots = new Slots(3, 4)
      const held: Array<() => void> = []
      const waiting = new Set<AbortController>()
      for (const { action, which } of steps) {
        if (action === 'take') {
          const gone = new AbortController()
          waiting.add(gone)
          slots
            .take(gone.signal)
            .then((free) => held.push(free))
            .catch(() => undefined)
            .finally(() => waiting.delete(gone))
        } else if (action === 'free') held.splice(which % (held.length || 1), 1)[0]?.()
        else [...waiting][which % (waiting.size || 1)]?.abort()
        await new Promise(setImmediate)
        expect(held.length).toBeLessThanOrEqual(3)
        if (waiting.size > 0) expect(held.length).toBe(3)
      }
      while (held.length > 0) {
        held.pop()?.()
        await new Promise(setImmediate)
      }
      const all = await Promise.all([1, 2, 3].map(() => slots.take(here)))
      expect(all).toHaveLength(3)
    }),
    { numRuns: 100 },
  )
})
