import { join } from 'node:path'
import { Readable } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { SmallDisk } from '../store/small-disk.fixture.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { FileStore } from './file-store.ts'

const disk = new SmallDisk(64 * 1024)
const log = pino({ level: 'silent' })
const store = await createSqliteStore(join(disk.directory, 'events.db'))
const views = new Views({ store, path: join(disk.directory, 'views.db'), log })
await views.start()
const directory = join(disk.directory, 'files')
const files = new FileStore({ directory, store, views, now: Date.now, log })
await files.start()
afterAll(async () => {
  await files.stop()
  await views.stop()
  await store.close()
  disk.remove()
})

const mib = 2 ** 20
const keep = (bytes: number) =>
  files.keep(
    {
      ...{ tenantId: newId(), name: 'peca.gcode', length: bytes },
      context: {
        ...{ actor: { type: 'user', id: newId() }, at: new Date().toISOString() },
        ...{ correlationId: newId(), installationId: newId(), deviceId: newId() },
      },
    },
    Readable.from([Buffer.alloc(bytes)]),
  )

test('files of however many customers leave the log its share of the disk', async () => {
  const results = await Promise.allSettled([25, 25, 25].map((n) => keep(n * mib)))
  expect(results.map(({ status }) => status).toSorted()).toEqual([
    ...['fulfilled', 'fulfilled', 'rejected'],
  ])
  await expect(keep(12 * mib)).rejects.toMatchObject({ code: 'FILE_QUOTA' })
  await expect(keep(mib)).resolves.toMatchObject({ length: mib })
})
