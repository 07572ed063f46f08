/** For tests of routes: a real log, views, accounts and tokens of one customer, and who is asked as. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import cookie from '@fastify/cookie'
import type { Role } from '@travessia/schemas/devices'
import { type Fact, streamKindOf } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import Fastify from 'fastify'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { Retention } from '../audit/retention.ts'
import { Logins } from '../identity/logins.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Tokens } from '../identity/tokens.ts'
import { Users } from '../identity/users.ts'
import { Vault } from '../identity/vault.ts'
import { createTurns } from '../in-turn.ts'
import { addAuthentication } from '../plugins/authentication.ts'
import { addAuthorization } from '../plugins/authorization.ts'
import { addErrorHandler } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import type { App } from './route.ts'

const log = pino({ level: 'silent' })

export async function startRoutes(add: (app: App, services: Services) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-routes-'))
  const store = await createSqliteStore(join(directory, 'events.db'))
  const views = new Views({ store, path: join(directory, 'views.db'), log })
  await views.start()
  const database = openSecretsDatabase(':memory:')
  const [users, logins] = [new Users(database), new Logins(database, Date.now)]
  const vault = new Vault(database, '00'.repeat(32))
  const tokens = await Tokens.create(vault, Date.now)
  const inTurn = createTurns()
  const services = { store, views, users, logins, tokens, vault, inTurn, now: Date.now, log }
  const app = Fastify() as unknown as App
  addErrorHandler(app)
  await app.register(cookie)
  addAuthentication(app, services as unknown as Services)
  addAuthorization(app, services as unknown as Services)
  onTestFinished(async () => {
    await app.close()
    await views.stop()
    await store.close()
    rmSync(directory, { recursive: true })
  })
  const tenantId = newId()
  const actor = { type: 'user', id: newId() } as const
  /** In a stream of its own. @returns when the views show it */
  const say = async (streamId: string, fact: Fact, installationId?: string) => {
    const places = installationId === undefined ? {} : { installationId, deviceId: streamId }
    const context = { actor, at: new Date().toISOString(), correlationId: newId(), ...places }
    const stream = { tenantId, streamKind: streamKindOf(fact.type), streamId } as const
    const events = [{ ...context, ...fact }]
    await views.until((await store.append({ ...stream, expected: 'any', events })).position)
  }
  /** @returns the header that a person of this role asks with */
  const person = async (role: Role) => {
    const userId = newId()
    const email = `${userId}@example.com`
    users.add({ id: userId, tenantId, email, name: 'Ana', language: 'pt-BR', password: 'h' })
    await say(userId, { type: 'RoleGranted', data: { userId, role } })
    const { token } = await tokens.issueUserToken(userId, logins.start(userId).login.id)
    return { userId, headers: { authorization: `Bearer ${token}` } }
  }
  add(app, services as unknown as Services)
  return { app, services, tenantId, say, person }
}

/** What routes of accounts need besides; `ended` has the reasons why remote sessions ended. */
export function accountParts(services: Services, ended: string[] = []): Services {
  const sessions = { revokeWhere: async (_: unknown, reason: string) => void ended.push(reason) }
  const subjectKeys = { erase: () => undefined, finish: () => undefined }
  const blobs = { erase: async () => 0 }
  const parts = { sessions, subjectKeys, blobs, retention: new Retention(services) }
  return { ...services, ...parts } as unknown as Services
}
