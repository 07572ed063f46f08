import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { maxFileBytes } from '@travessia/schemas/print-file-rules'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { FileStore, type Upload } from './file-store.ts'

const log = pino({ level: 'silent' })
const clock = { now: Date.parse('2026-11-24T12:00:00Z') }
const now = () => clock.now
const dayMs = 24 * 3600_000
let directory: string
let store: EventStore
let views: Views
let files: FileStore

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'travessia-files-'))
  store = await createSqliteStore(join(directory, 'events.db'))
  views = new Views({ store, path: join(directory, 'views.db'), log })
  await views.start()
  files = new FileStore({ directory: join(directory, 'files'), store, views, now, log })
  await files.start()
})
afterEach(async () => {
  await files.stop()
  await views.stop()
  await store.close()
  rmSync(directory, { recursive: true })
})

const tenantId = newId()
function upload(change: Partial<Upload> = {}): Upload {
  const context = {
    ...{ actor: { type: 'user', id: newId() } as const, at: new Date(now()).toISOString() },
    ...{ installationId: newId(), deviceId: newId(), correlationId: newId() },
  }
  return { ...{ tenantId, name: 'peça.gcode', length: 6, context }, ...change }
}
const source = (...chunks: string[]) => Readable.from(chunks.map((text) => Buffer.from(text)))
const onDisk = () => readdirSync(join(directory, 'files'))
const facts = async () => (await store.readAll(0, 500)).map(({ type, data }) => ({ type, data }))
const coded = (code: string) => expect.objectContaining({ code })

/** Told by the log alone, without bytes. */
async function known(length: number, change: { tenantId?: string; expiresAt?: string } = {}) {
  const { tenantId: tenant = tenantId, expiresAt = new Date(now() + dayMs).toISOString() } = change
  const { context } = upload()
  const data = { name: 'a.gcode', length, sha256: '0'.repeat(64), expiresAt }
  const stream = { tenantId: tenant, streamKind: 'file', streamId: newId() } as const
  const events = [{ ...context, type: 'FileUploaded' as const, data }]
  await views.until((await store.append({ ...stream, expected: 'none', events })).position)
  return stream.streamId
}

test('a file is kept for a day, readable by the node only, with a fact that says what it is and holds no byte', async () => {
  const kept = await files.keep(upload(), source('G2', '8\nM', '1'))
  const sha256 = createHash('sha256').update('G28\nM1').digest('hex')
  const expiresAt = new Date(clock.now + dayMs).toISOString()
  expect(kept).toEqual({ id: kept.id, name: 'peça.gcode', length: 6, sha256, expiresAt })
  const path = join(directory, 'files', kept.id)
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['G28\nM1', 0o600])
  const { id: _id, ...data } = kept
  expect(await facts()).toEqual([{ type: 'FileUploaded', data }])
})

test('what breaks off, is empty or does not come leaves neither file nor fact', async () => {
  // As a request: an error that nobody listens to yet is thrown at nobody.
  const broken = new Readable({ read: () => undefined }).on('error', () => undefined)
  const keeping = files.keep(upload(), broken)
  broken.push('G28')
  await expect.poll(() => onDisk()).toHaveLength(1)
  broken.destroy(new Error('aborted'))
  await expect(keeping).rejects.toEqual(coded('REQUEST_INVALID'))
  await expect(files.keep(upload(), source())).rejects.toEqual(coded('MESSAGE_INVALID'))
  await expect(files.keep(upload(), undefined)).rejects.toEqual(coded('MESSAGE_INVALID'))
  expect([onDisk(), await facts()]).toEqual([[], []])
})

test('a sender that says nothing for half a minute has gone, one that is slow has not', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const slow = new Readable({ read: () => undefined })
    const keeping = expect(files.keep(upload(), slow)).rejects.toEqual(coded('REQUEST_INVALID'))
    while (onDisk().length === 0 || vi.getTimerCount() === 0) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(29_000)
    slow.push('G28')
    while (slow.readableLength > 0) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(29_000)
    expect(slow.destroyed).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    await keeping
  } finally {
    vi.useRealTimers()
  }
  expect(onDisk()).toEqual([])
})

test('a log that refuses means nothing is kept', async () => {
  const append = vi.spyOn(store, 'append').mockRejectedValue(new TypeError('closed'))
  await expect(files.keep(upload(), source('G28'))).rejects.toThrow('closed')
  append.mockRestore()
  expect(onDisk()).toEqual([])
})

test('more than the largest file is refused, announced or not', async () => {
  const length = maxFileBytes + 1
  await expect(files.keep(upload({ length }), source('x'))).rejects.toEqual(coded('FILE_TOO_LARGE'))
  const megabyte = Buffer.alloc(1024 * 1024)
  const endless = new Readable({
    read() {
      this.push(megabyte)
    },
  })
  await expect(files.keep(upload(), endless)).rejects.toEqual(coded('FILE_TOO_LARGE'))
  // Left open, so that the refusal can be answered.
  expect(endless.destroyed).toBe(false)
  endless.destroy()
  expect(onDisk()).toEqual([])
})

test('two gigabytes of a tenant are the most, counted with what is on its way; another one has its own', async () => {
  for (let n = 0; n < 7; n += 1) await known(maxFileBytes)
  const slow = new Readable({ read: () => undefined })
  const keeping = files.keep(upload({ length: maxFileBytes }), slow)
  await expect.poll(() => onDisk()).toHaveLength(1)
  await expect(files.keep(upload(), source('x'))).rejects.toEqual(coded('FILE_QUOTA'))
  await files.keep(upload({ tenantId: newId() }), source('x'))
  slow.destroy()
  await expect(keeping).rejects.toEqual(coded('REQUEST_INVALID'))
  await files.keep(upload(), source('x'))
})

test('a hundred files of a tenant are the most, however small', async () => {
  for (let n = 0; n < 100; n += 1) await known(1)
  await expect(files.keep(upload(), source('x'))).rejects.toEqual(coded('FILE_QUOTA'))
  await files.keep(upload({ tenantId: newId() }), source('x'))
})

test('after a day a file is removed, and the log says so; used earlier, it says that', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    await files.stop()
    await files.start()
    const [first, second] = [
      await files.keep(upload(), source('a')),
      await files.keep(upload(), source('b')),
    ]
    const row = await views.files.get(tenantId, first.id)
    if (row) await files.remove(row, 'sent')
    expect(onDisk()).toEqual([second.id])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(onDisk()).toEqual([second.id])
    clock.now += dayMs
    await vi.advanceTimersByTimeAsync(60_000)
    await expect.poll(() => onDisk()).toEqual([])
  } finally {
    clock.now -= dayMs
    vi.useRealTimers()
  }
  const removed = (await facts()).filter(({ type }) => type === 'FileRemoved')
  expect(removed.map(({ data }) => (data as { reason: string }).reason)).toEqual([
    'sent',
    'expired',
  ])
  // Twice is once.
  const row = await views.files.get(tenantId, (await views.files.kept())[0]?.id ?? '')
  expect(row).toBeUndefined()
})

test('a start removes what no view knows and what is over, and keeps the rest', async () => {
  const kept = await files.keep(upload(), source('a'))
  const folder = join(directory, 'files')
  writeFileSync(join(folder, newId()), 'half')
  mkdirSync(join(folder, 'folder'))
  const old = await known(1, { expiresAt: new Date(now() - 1).toISOString() })
  writeFileSync(join(folder, old), 'x')
  await files.stop()
  await files.start()
  expect(onDisk()).toEqual([kept.id])
  expect((await views.files.kept()).map(({ id }) => id)).toEqual([kept.id])
})
