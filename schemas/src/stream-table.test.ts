import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StreamTable } from './stream-table.ts'

test('it holds what a Map would hold, whatever comes and goes', () => {
  // Few ids, close to each other and a table apart: most find their place taken.
  const id = fc.oneof(fc.nat(40), fc.constantFrom(16, 32, 48, 64, 2 ** 31, 2 ** 32 - 1))
  const step = fc.record({ id, isAdded: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new StreamTable<{ readonly id: number }>()
      const model = new Map<number, { readonly id: number }>()
      for (const { id, isAdded } of steps) {
        if (!isAdded) {
          table.delete(id)
          model.delete(id)
        } else if (!model.has(id)) {
          const stream = { id }
          table.add(stream)
          model.set(id, stream)
        }
        expect(table.size).toBe(model.size)
        expect(table.get(id)).toBe(model.get(id))
      }
      for (const [id, stream] of model) expect(table.get(id)).toBe(stream)
      expect(new Set(table.all())).toEqual(new Set(model.values()))
      expect(table.all()).toHaveLength(model.size)
    }),
    { numRuns: 300 },
  )
})
