import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Cut, Cuts } from './cuts.ts'

test('at the end whatever has not ended by itself is cut, once', () => {
  const steps = fc.array(fc.option(fc.nat(30)), { maxLength: 120 })
  fc.assert(
    fc.property(steps, (places) => {
      const cuts = new Cuts()
      const done: number[] = []
      const made: Cut[] = []
      const left = new Set<number>()
      for (const place of places) {
        if (place === null) {
          const name = made.length
          made.push(cuts.add(() => done.push(name)))
          left.add(name)
        } else {
          const ended = made[place % Math.max(1, made.length)]
          // Also one that has ended already.
          if (ended) cuts.remove(ended)
          left.delete(place % Math.max(1, made.length))
        }
        expect(cuts.size).toBe(left.size)
      }
      cuts.cut()
      expect(new Set(done)).toEqual(left)
      expect([done.length, cuts.size]).toEqual([left.size, 0])
      for (const cut of made) cuts.remove(cut)
      expect(cuts.size).toBe(0)
    }),
  )
})
