import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareEvents } from './compare-events.ts'

const count = 8
const names = Array.from({ length: count }, (_, n) => `e${n}`)
/** Of a selection: every tenth place. */
const logged = {
  places: names.map((_, n) => n * 10),
  ids: names,
  leaves: names.map((id) => `leaf ${id}`),
}
const found = (ids: readonly string[]) => ({ ids, leaves: ids.map((id) => `leaf ${id}`) })
const at = (n: number) => ({ place: n * 10, id: `e${n}` })

test('what is as it was logged differs in nothing', () => {
  expect(compareEvents(logged, found(names))).toEqual({ wrong: [], missing: [] })
})

test('an altered event keeps its place, also beside a missing one', () => {
  const strange = { ids: names, leaves: found(names).leaves.with(3, 'leaf x') }
  expect(compareEvents(logged, strange)).toEqual({
    wrong: [{ what: 'altered', ...at(3) }],
    missing: [],
  })
  const both = { ids: names.toSpliced(2, 1), leaves: strange.leaves.toSpliced(2, 1) }
  expect(compareEvents(logged, both)).toEqual({
    wrong: [{ what: 'altered', ...at(3) }],
    missing: [{ what: 'missing', ...at(2) }],
  })
})

test('where a proof is missing nothing vouches for the event', () => {
  const leaves = logged.leaves.map((leaf, n) => (n === 5 ? undefined : leaf))
  expect(compareEvents({ ...logged, leaves }, found(names)).wrong).toEqual([
    { what: 'unproven', ...at(5) },
  ])
})

test.each([
  ['the first', 0],
  ['one in the middle', 4],
  ['the last', count - 1],
])('%s missing is named, and nothing else', (_what, n) => {
  expect(compareEvents(logged, found(names.toSpliced(n, 1)))).toEqual({
    wrong: [],
    missing: [{ what: 'missing', ...at(n) }],
  })
})

test('an invented event has no place; a repeated and a moved one have their own', () => {
  expect(compareEvents(logged, found(names.toSpliced(2, 0, 'x'))).wrong).toEqual([
    { what: 'invented', id: 'x' },
  ])
  expect(compareEvents(logged, found([...names, 'e2'])).wrong).toEqual([
    { what: 'repeated', ...at(2) },
  ])
  const moved = names.toSpliced(6, 1).toSpliced(1, 0, 'e6')
  expect(compareEvents(logged, found(moved)).wrong[0]).toEqual({ what: 'reordered', ...at(6) })
})

test('whatever was done: no difference is told exactly when there is none', () => {
  const ids = fc.array(fc.constantFrom(...names, 'x', 'y'), { maxLength: 12 })
  const nearly = fc.oneof(ids, fc.shuffledSubarray(names), fc.constant(names))
  fc.assert(
    fc.property(nearly, (some) => {
      const { wrong, missing } = compareEvents(logged, found(some))
      expect(wrong.length + missing.length === 0).toBe(some.join() === names.join())
      const known = names.filter((id) => some.includes(id))
      expect(missing.length).toBeLessThanOrEqual(count - known.length)
    }),
  )
})
