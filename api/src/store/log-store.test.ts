import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { expect, onTestFinished, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { NewEvent } from './event-store.ts'
import { LogStore } from './log-store.ts'
import type { Reader } from './rows.ts'
import { NearSqliteReader, SqliteReader } from './sqlite-reader.ts'
import { sqliteWalker } from './walk.ts'
import { openWriteQueue } from './write-queue.ts'

test('a page of several types has no hole where something was written between their lists', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-log-store-'))
  const path = join(directory, 'events.db')
  const queue = await openWriteQueue('./sqlite-worker.ts', { path })
  const [near, reader] = [new NearSqliteReader(path), new SqliteReader(path)]
  const tenantId = newId()
  const signedIn = { type: 'UserSignedIn', data: { userId: newId(), clientIp: '192.0.2.1' } }
  const write = () =>
    queue.append(append({ tenantId, events: [{ ...event(), ...signedIn } as NewEvent, event()] }))
  let turn: Promise<unknown> = write()
  /** After each list both types are written. */
  const far: Reader = {
    rows(...asked) {
      const rows = turn.then(() => reader.rows(...asked))
      turn = rows.then(write)
      return rows
    },
  }
  const close = async () => {
    near.close()
    await reader.close()
  }
  const store = new LogStore({ queue, near, far, walker: sqliteWalker, close })
  onTestFinished(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  await turn
  const page = await store.query({ tenantId, types: ['UserSignedIn', 'UserSignedOut'], limit: 10 })
  expect(page.items.map(({ position }) => position)).toEqual([2, 1])
})
