import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createCloudNode } from '../cloud-node.ts'
import { readConfig } from '../config.ts'
import { bindFrontDoor } from '../front-door.ts'
import { append } from './conformance-events.ts'
import { problemsOf, writeAndKill, writeDuring } from './crash.fixture.ts'
import { CuttingProxy, fatalMessage } from './cut-connection.fixture.ts'
import type { EventStore } from './event-store.ts'
import { type PostgresServer, shipped, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'
import { PostgresReader } from './postgres-reader.ts'
import { wholeLog } from './rows.ts'
import { SmallDisk } from './small-disk.fixture.ts'

const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
const log = pino({ level: 'silent' })
const roomKib = 400 * 1024
const opened: EventStore[] = []
let disk: SmallDisk
let server: PostgresServer

beforeAll(async () => {
  disk = new SmallDisk(roomKib)
  server = await startPostgres(disk.directory)
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close().catch(() => undefined)))
})
afterAll(async () => {
  await server?.remove()
  disk.remove()
})

async function open(url: string): Promise<EventStore> {
  const store = await createPostgresStore(url, log)
  opened.push(store)
  return store
}

async function openThroughProxy() {
  const proxy = new CuttingProxy(server.directory)
  await proxy.start()
  const url = await server.newDatabase()
  const store = await open(url.replace(server.directory, proxy.directory))
  return { proxy, store }
}

/** Of streams that the writer has in mind it asks nothing before it commits. */
const streams = ['that open', 'that were written to before'] as const

async function begin(store: EventStore, which: (typeof streams)[number]) {
  const some = [append(), append()]
  if (which === 'that were written to before')
    await Promise.all(some.map((one) => store.append(one)))
  return { some, head: await store.head() }
}

test.each(streams)(
  'a commit whose answer was lost is found in the log, and its callers are told so: streams %s',
  async (which) => {
    const { proxy, store } = await openThroughProxy()
    const { some, head } = await begin(store, which)
    proxy.cuts = 'answered'
    const first = await Promise.all(some.map((one) => store.append(one)))
    expect(proxy.cuts).toBeUndefined()
    expect(first.map(({ position }) => position)).toEqual([head + 1, head + 2])
    expect(await store.append(append())).toMatchObject({ position: head + 3 })
    await proxy.stop()
  },
)

test.each(streams)(
  'a commit that never arrived is refused, and nothing of it is in the log: streams %s',
  async (which) => {
    const { proxy, store } = await openThroughProxy()
    const { some, head } = await begin(store, which)
    proxy.cuts = 'asked'
    for (const refused of some.map((one) => store.append(one)))
      await expect(refused).rejects.toEqual(unavailable)
    expect(proxy.cuts).toBeUndefined()
    expect(await store.head()).toBe(head)
    expect(await store.append(append())).toMatchObject({ position: head + 1 })
    await proxy.stop()
  },
)

test('while nobody can say whether a commit was done callers wait, but not for ever; once more by id they get its answer', async () => {
  const { proxy, store } = await openThroughProxy()
  const events = append().events.map((event) => ({ ...event, id: 'a'.repeat(26) }))
  const one = append({ expected: 'none', events })
  proxy.cuts = 'answered'
  proxy.isClosed = true
  await expect(store.append(one)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    details: { problem: expect.stringContaining('not known whether it was written') },
  })
  proxy.isClosed = false
  expect(await store.append(one)).toEqual({ position: 1, version: 1 })
  expect(await store.head()).toBe(1)
  await proxy.stop()
})

test('without a server appends and readings are STORE_UNAVAILABLE at once; with it the store goes on by itself', async () => {
  const store = await open(await server.newDatabase())
  const one = append()
  await store.append(one)
  await server.stop()
  const begun = performance.now()
  // First, so that the writer knows: of what it has sent it asks for seconds whether it was done.
  await expect(store.evidence.keep([])).rejects.toEqual(unavailable)
  await expect(store.append(one)).rejects.toEqual(unavailable)
  await expect(store.readStream(one.tenantId, one.streamId)).rejects.toEqual(unavailable)
  expect(performance.now() - begun).toBeLessThan(5_000)
  await server.start()
  expect(await store.append(one)).toEqual({ position: 2, version: 2 })
  expect(await store.readStream(one.tenantId, one.streamId)).toHaveLength(2)
})

test.each(['SIGINT', 'SIGQUIT', 'SIGKILL'] as const)(
  'PostgreSQL ended by %s and started again under load loses nothing acknowledged, writes nothing refused',
  async (signal) => {
    const store = await open(await server.newDatabase())
    const ledger = await writeDuring(store, async ({ acknowledged }) => {
      await expect.poll(() => acknowledged.length).toBeGreaterThan(50)
      await server.stop(signal)
      await server.start()
      const before = acknowledged.length
      await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 50)
    })
    expect(await problemsOf(store, ledger)).toEqual([])
  },
)

test('connections that an administrator ends under load lose nothing acknowledged, write nothing refused', async () => {
  const store = await open(await server.newDatabase())
  const ledger = await writeDuring(store, async ({ acknowledged }) => {
    for (let round = 0; round < 10; round += 1) {
      const before = acknowledged.length
      await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 5)
      await server.run(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'travessia'`,
      )
    }
  })
  expect(await problemsOf(store, ledger)).toEqual([])
})

test('a connection that is ended between two questions of a reading is STORE_UNAVAILABLE, and the node lives', async () => {
  const proxy = new CuttingProxy(server.directory)
  await proxy.start()
  const url = (await server.newDatabase()).replace(server.directory, proxy.directory)
  const reader = new PostgresReader({ url })
  await reader.rows(wholeLog, 'select 1 as one', [])
  proxy.appended = fatalMessage()
  const other = reader.rows('a'.repeat(26), 'select 1 as one', [])
  await expect(other).rejects.toEqual(unavailable)
  expect(await reader.rows(wholeLog, 'select 1 as one', [])).toEqual([{ one: 1 }])
  await reader.close()
  await proxy.stop()
})

test('kill -9 of the writer loses no acknowledged event and leaves no hole, twenty times', async () => {
  const url = await server.newDatabase()
  const acknowledged: string[] = []
  for (let round = 1; round <= 20; round += 1) {
    acknowledged.push(...(await writeAndKill(url, 20 + ((round * 37) % 100))))
    if (round % 5 > 0) continue
    const store = await open(url)
    expect(await problemsOf(store, { acknowledged, refused: [] })).toEqual([])
    await store.close()
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(1_000)
})

test('a cloud node keeps its log in PostgreSQL, and nothing of it in a file', async () => {
  const url = await server.newDatabase()
  const directory = mkdtempSync(join(tmpdir(), 'travessia-on-pg-'))
  const ports = ['HTTP', 'WS', 'REMOTE', 'MQTT'].map((name) => [`TRAVESSIA_${name}_PORT`, '0'])
  const environment = {
    ...{ TRAVESSIA_DATA_DIR: directory, TRAVESSIA_DATABASE_URL: url },
    ...{ ...Object.fromEntries(ports), TRAVESSIA_ENCRYPTION_KEY: 'ab'.repeat(32) },
  }
  const config = readConfig(environment)
  const node = await createCloudNode(config, log, { door: await bindFrontDoor(config) })
  const { httpUrl } = await node.start()
  expect((await fetch(`${httpUrl}/readyz`)).status).toBe(200)
  await node.stop()
  const types = (await (await open(url)).readAll(0, 10)).map(({ type }) => type)
  expect(types).toEqual(expect.arrayContaining(['ServerStarted', 'EvidenceKeyAdded']))
  expect(existsSync(join(directory, 'events.db'))).toBe(false)
  rmSync(directory, { recursive: true, force: true })
})

test('a full disk refuses; what was acknowledged is kept, and with room the log goes on', async () => {
  const url = await server.newDatabase()
  const store = await open(url)
  const ledger = await writeDuring(store, async ({ acknowledged, refused }) => {
    disk.leave(300)
    await expect.poll(() => refused.length, { timeout: 30_000 }).toBeGreaterThan(30)
    disk.leave(roomKib)
    // Without room for its own log PostgreSQL ends.
    if (!(await server.answers())) await server.start()
    const full = acknowledged.length
    await expect.poll(() => acknowledged.length).toBeGreaterThan(full + 100)
  })
  expect(await problemsOf(store, ledger)).toEqual([])
})

test('the server of these tests and of the bench has the settings that docker-compose.yml starts it with', async () => {
  const compose = readFileSync(join(import.meta.dirname, '../../../docker-compose.yml'), 'utf8')
  const command = shipped.flatMap((setting) => ['-c', setting])
  expect(compose).toContain(
    `command: ${JSON.stringify(['postgres', ...command]).replaceAll(',', ', ')}`,
  )
  for (const setting of shipped) {
    const [name, value] = setting.split('=')
    expect(await server.run(`show ${name}`)).toEqual([{ [String(name)]: value }])
  }
})
