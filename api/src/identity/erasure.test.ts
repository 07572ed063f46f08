import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { RemoteSessions } from '../gateway/remote-sessions.ts'
import { BlobStore } from '../store/blob-store.ts'
import { BlobSweeper } from '../store/blob-sweeper.ts'
import { PersonalStore } from '../store/personal-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { recordAccess } from './accounts.ts'
import { eraseSubject, finishErasures } from './erasure.ts'
import { Logins } from './logins.ts'
import { openSecretsDatabase } from './secrets-database.ts'
import { SubjectKeys } from './subject-keys.ts'
import { Users } from './users.ts'
import { Vault } from './vault.ts'

const [tenantId, userId] = [newId(), newId()]
const log = pino({ level: 'silent' })
const context: EventContext = {
  ...{ actor: { type: 'user', id: newId() }, at: new Date().toISOString() },
  correlationId: newId(),
}

async function setUp() {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-erasure-'))
  const database = openSecretsDatabase(':memory:')
  const subjectKeys = new SubjectKeys(database, new Vault(database, '00'.repeat(32)))
  const inner = await createSqliteStore(join(directory, 'events.db'))
  const store = new PersonalStore(inner, subjectKeys)
  const views = new Views({ store, path: join(directory, 'views.db'), log })
  await views.start()
  const now = Date.now
  const blobs = new BlobStore({
    ...{ directory: join(directory, 'blobs'), keys: subjectKeys, maxBytes: 1e9, now },
  })
  const [users, logins] = [new Users(database), new Logins(database, now)]
  const ended: string[] = []
  const sessions = {
    revokeWhere: async (_isMeant: unknown, reason: string) => void ended.push(reason),
  } as unknown as RemoteSessions
  onTestFinished(async () => {
    await views.stop()
    await store.close()
    rmSync(directory, { recursive: true })
  })
  users.add({
    ...{ id: userId, tenantId, email: 'ana@example.com', name: 'Ana' },
    ...{ language: 'pt-BR', password: 'h' },
  })
  const { secret } = logins.start(userId)
  const ref = await blobs.put(tenantId, userId, Buffer.from('seen'))
  const services = { store, views, users, logins, subjectKeys, sessions, blobs, now, log }
  const isGone = async () =>
    users.nameOf(userId, 'en') === 'erased' &&
    logins.bySecret(secret) === undefined &&
    subjectKeys.isErased(tenantId, userId) &&
    (await blobs.get(tenantId, ref)) === 'erased' &&
    ended.length > 0
  return { services, isGone, views, ref, directory: join(directory, 'blobs') }
}

test('erasing ends sign-ins and sessions, and takes name, key and bodies', async () => {
  const { services, isGone } = await setUp()
  expect(await isGone()).toBe(false)
  await eraseSubject(services, { tenantId, userId, isLastAdmin: false, context })
  expect(await isGone()).toBe(true)
})

test('killed after the fact, the next start does the rest, once', async () => {
  const { services, isGone } = await setUp()
  const intent = { type: 'EraseSubject', userId, isLastAdmin: false } as const
  await recordAccess(services, { tenantId, userId, intent, context })
  expect(await isGone()).toBe(false)
  await finishErasures(services)
  expect(await isGone()).toBe(true)
  expect(services.subjectKeys.isFinished(tenantId, userId)).toBe(true)
})

test('what was promised is done also where the log, damaged since, does not take the end of an open session', async () => {
  const { services, isGone } = await setUp()
  const intent = { type: 'EraseSubject', userId, isLastAdmin: false } as const
  await recordAccess(services, { tenantId, userId, intent, context })
  const { revokeWhere } = services.sessions
  services.sessions.revokeWhere = async (...which) => {
    await revokeWhere(...which)
    throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' })
  }
  await finishErasures(services)
  expect(await isGone()).toBe(true)
})

test('nothing is swept while the views do not know every event', async () => {
  const { views, ref, services, directory } = await setUp()
  const tomorrow = () => Date.now() + 25 * 3_600_000
  const blobs = new BlobStore({
    ...{ directory, keys: services.subjectKeys, maxBytes: 1e9, now: tomorrow },
  })
  const sweep = (isBehind: boolean) =>
    new BlobSweeper({
      ...{ blobs, log },
      views: { blobs: views.blobs, isBehind: async () => isBehind },
    }).sweep()
  await sweep(true)
  expect(String(await blobs.get(tenantId, ref))).toBe('seen')
  await sweep(false)
  expect(await blobs.get(tenantId, ref)).toBeUndefined()
})
