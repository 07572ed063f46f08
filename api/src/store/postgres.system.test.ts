import { pino } from 'pino'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { describeEventStore } from './conformance.ts'
import { describeEvidenceLog } from './conformance-evidence.ts'
import type { EventStore } from './event-store.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'

const log = pino({ level: 'silent' })
const opened: EventStore[] = []
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
  await server.run('create database migrated')
  await (await createPostgresStore(server.url('migrated'), log)).close()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close().catch(() => undefined)))
})
afterAll(() => server?.remove())

async function open(url?: string): Promise<EventStore> {
  const store = await createPostgresStore(url ?? (await server.newDatabase('migrated')), log)
  opened.push(store)
  return store
}

describeEventStore(() => open())
describeEvidenceLog(() => open())
