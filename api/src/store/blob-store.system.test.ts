import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { SubjectKeys } from '../identity/subject-keys.ts'
import { Vault } from '../identity/vault.ts'
import { BlobStore } from './blob-store.ts'
import { SmallDisk } from './small-disk.fixture.ts'

const disk = new SmallDisk(4 * 1024)
afterAll(() => disk.remove())

test('the last twentieth of the disk is for the log: a blob is refused, and taken when there is room', async () => {
  const { directory } = disk
  const database = openSecretsDatabase(':memory:')
  const keys = new SubjectKeys(database, new Vault(database, '00'.repeat(32)))
  let now = Date.now()
  const blobs = new BlobStore({ directory, keys, maxBytes: 2 ** 30, now: () => now })
  const put = () => blobs.put(newId(), newId(), randomBytes(100))
  writeFileSync(join(directory, 'log'), Buffer.alloc(3_920 * 1024))
  await expect(put()).rejects.toMatchObject({ code: 'BLOBS_FULL' })
  rmSync(join(directory, 'log'))
  now += 5_001
  expect(await put()).toHaveLength(64)
})
