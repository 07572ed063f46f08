import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../store/evidence-log.ts'
import { merged } from './entry-pages.ts'

async function* walk(positions: readonly number[]): AsyncGenerator<Entry> {
  for (const position of positions) yield { position } as Entry
}

async function listOf(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

test('walks that are each in log order are one in log order, with every entry once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(4), { maxLength: 60 }), async (owners) => {
      const all = owners.map((owner, position) => ({ owner, position }))
      const of = (one: number) =>
        all.filter(({ owner }) => owner === one).map(({ position }) => position)
      const entries = await listOf(merged([0, 1, 2, 3, 4].map((one) => walk(of(one)))))
      expect(entries.map(({ position }) => position)).toEqual(all.map(({ position }) => position))
    }),
  )
  expect(await listOf(merged([]))).toEqual([])
})
