import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { requireDense } from './conformance-interleaving.ts'
import { problemsOf, writeAndKill, writeDuring } from './crash.fixture.ts'
import { SmallDisk } from './small-disk.fixture.ts'
import { createSqliteStore } from './sqlite.ts'

// In memory: a killed process leaves there what it would leave on a disk, and other work does not hold it up. Up to 64 MB are
// written ahead: however late a kill comes, there is room.
const disk = new SmallDisk(256 * 1024)
afterAll(() => disk.remove())

/** For a hundred events alone in their commits, 48 KiB each before a checkpoint, many times. */
const roomKib = 32_000

test('kill -9 loses no acknowledged event and leaves no hole, twenty times', async () => {
  const path = join(disk.directory, 'killed.db')
  const acknowledged: string[] = []
  for (let round = 1; round <= 20; round += 1) {
    acknowledged.push(...(await writeAndKill(path, 20 + ((round * 37) % 100))))
    if (round % 5 > 0) continue
    const store = await createSqliteStore(path)
    expect(await problemsOf(store, { acknowledged, refused: [] })).toEqual([])
    requireDense(await store.readAll(0, 1_000_000))
    await store.close()
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(1_000)
}, 120_000)

test('a full disk refuses; what was acknowledged is kept, and with room the log goes on', async () => {
  const path = join(disk.directory, 'events.db')
  const store = await createSqliteStore(path)
  const ledger = await writeDuring(store, async ({ acknowledged, refused }) => {
    disk.leave(400)
    await expect.poll(() => refused.length).toBeGreaterThan(30)
    disk.leave(roomKib)
    const full = acknowledged.length
    await expect.poll(() => acknowledged.length).toBeGreaterThan(full + 100)
  })
  expect(ledger.refused.length).toBeGreaterThan(0)
  expect(await problemsOf(store, ledger)).toEqual([])
  await store.close()
  const again = await createSqliteStore(path)
  expect(await problemsOf(again, ledger)).toEqual([])
  await again.close()
})
