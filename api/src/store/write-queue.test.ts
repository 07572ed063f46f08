import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { newId } from '@travessia/schemas/ids'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { append } from './conformance-events.ts'
import type { EventStore } from './event-store.ts'
import { createSqliteStore } from './sqlite.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-queue-'))
let files = 0
let store: EventStore | undefined

/** The 5 ms for which the queue waits for company are over when the test says so. */
async function open(): Promise<{ store: EventStore; commits: number[] }> {
  files += 1
  const opened = await createSqliteStore(join(directory, `${files}.db`))
  store = opened
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const commits: number[] = []
  opened.onAppended((position) => commits.push(position))
  return { store: opened, commits }
}

afterEach(async () => {
  vi.useRealTimers()
  await store?.close()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('what nobody waits for goes with the next that somebody waits for, in its order and one commit', async () => {
  const { store, commits } = await open()
  const first = store.take(append(), 'soon')
  for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate)
  expect(await store.head()).toBe(0)
  const second = store.append(append())
  expect((await first).position).toBe(1)
  expect((await second).position).toBe(2)
  expect(commits).toEqual([2])
})

test('alone it goes after some milliseconds, also behind a commit that was under way when it came', async () => {
  const { store, commits } = await open()
  const first = store.take(append(), 'soon')
  vi.advanceTimersByTime(5)
  expect((await first).position).toBe(1)
  const now = store.append(append())
  await new Promise(setImmediate)
  const behind = store.take(append(), 'soon')
  await now
  vi.advanceTimersByTime(5)
  expect((await behind).position).toBe(3)
  expect(commits).toEqual([1, 2, 3])
})

test('closing writes it', async () => {
  const { store: closed } = await open()
  store = undefined
  const lingering = closed.take(append(), 'soon')
  await closed.close()
  expect((await lingering).position).toBe(1)
})

const refused = { code: 'STORE_UNAVAILABLE' }
const checkpoint = { tenantId: newId(), size: 1, root: new Uint8Array(32), note: '', at: '' }

test('closing waits for what is to be kept', async () => {
  const { store: closed } = await open()
  store = undefined
  const keeping = closed.evidence.keep([checkpoint])
  await closed.close()
  await expect(keeping).resolves.toBeUndefined()
})

test('what comes after the close is refused, whatever it is', async () => {
  const { store: closed } = await open()
  store = undefined
  await closed.close()
  await expect(closed.append(append())).rejects.toMatchObject(refused)
  await expect(closed.evidence.keep([checkpoint])).rejects.toMatchObject(refused)
})

test('when the writer dies what waits is refused, and so is what comes after', async () => {
  const begun = once(process, 'worker')
  const { store } = await open()
  const [writer] = (await begun) as [Worker]
  const waiting = expect(store.take(append(), 'soon')).rejects.toMatchObject(refused)
  await writer.terminate()
  await waiting
  await expect(store.append(append())).rejects.toMatchObject(refused)
})

test('a full batch does not wait for more', async () => {
  const { store } = await open()
  const many = Array.from({ length: 500 }, () => store.take(append(), 'soon'))
  expect((await Promise.all(many)).at(-1)?.position).toBe(500)
})
