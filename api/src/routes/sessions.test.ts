import cookie from '@fastify/cookie'
import type { AccessFact, DeviceFact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { startGateway, tenantId } from '../gateway/gateway.fixture.ts'
import { Logins } from '../identity/logins.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Tokens } from '../identity/tokens.ts'
import { Users } from '../identity/users.ts'
import { Vault } from '../identity/vault.ts'
import { addAuthentication } from '../plugins/authentication.ts'
import { addAuthorization } from '../plugins/authorization.ts'
import { addErrorHandler } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import type { App } from './route.ts'
import { addSessionRoutes } from './sessions.ts'

type Taken = (is: Awaited<ReturnType<typeof setUp>>) => unknown

async function setUp() {
  const node = await startGateway('http://127.0.0.1:1')
  onTestFinished(() => node.stop())
  const device = await node.register()
  const database = openSecretsDatabase(':memory:')
  const [users, logins] = [new Users(database), new Logins(database, Date.now)]
  const tokens = await Tokens.create(new Vault(database, '00'.repeat(32)), Date.now)
  const userId = newId()
  const person = { id: userId, tenantId, email: 'ana@example.com', name: 'Ana', password: 'h' }
  users.add({ ...person, language: 'pt-BR' })
  const { store, views, sessions } = node.parts
  const say = async (fact: AccessFact | DeviceFact, where: 'access' | 'device' = 'access') => {
    const actor = { type: 'user', id: userId } as const
    const context = { actor, at: new Date().toISOString(), correlationId: newId() }
    const streamId = where === 'access' ? userId : device.id
    const stream = { tenantId, streamKind: where, streamId, expected: 'any' } as const
    const { position } = await store.append({ ...stream, events: [{ ...context, ...fact }] })
    await views.until(position)
  }
  await say({ type: 'RoleGranted', data: { userId, role: 'operator' } })
  const { login } = logins.start(userId)
  const { token } = await tokens.issueUserToken(userId, login.id)
  const services = { store, views, sessions, users, logins, tokens, now: Date.now }
  return { node, device, services, userId, login, token, say }
}

/** Asks for a session; after the right to it was looked at, something happens. */
async function openWhile(taken: Taken) {
  const is = await setUp()
  const app = Fastify() as unknown as App
  onTestFinished(() => app.close())
  const services = is.services as unknown as Services
  addErrorHandler(app)
  await app.register(cookie)
  addAuthentication(app, services)
  addAuthorization(app, services)
  app.addHook('preHandler', async () => void (await taken(is)))
  addSessionRoutes(app, services)
  const { statusCode, body } = await app.inject({
    ...{ method: 'POST', url: `/api/devices/${is.device.id}/sessions`, payload: {} },
    headers: { authorization: `Bearer ${is.token}` },
  })
  return { statusCode, code: JSON.parse(body).code }
}

const taking: Array<[what: string, taken: Taken]> = [
  ['a person disabled', ({ services, userId }) => services.users.setDisabled(userId, true)],
  ['access suspended', ({ say, userId }) => say({ type: 'AccessSuspended', data: { userId } })],
  ['a sign-in ended', ({ services, userId }) => services.logins.endAllOf(userId)],
  ['a role revoked', ({ say, userId }) => say({ type: 'RoleRevoked', data: { userId } })],
  ['a device removed', ({ say }) => say({ type: 'DeviceRemoved', data: {} }, 'device')],
  [
    'a role that may only look',
    ({ say, userId }) => say({ type: 'RoleGranted', data: { userId, role: 'auditor' } }),
  ],
  [
    'a scope without the place',
    ({ say, userId }) =>
      say({ type: 'RoleGranted', data: { userId, role: 'operator', installationIds: [newId()] } }),
  ],
]

test.each(taking)('%s after the request came opens no session', async (_, taken) => {
  expect(await openWhile(taken)).toMatchObject({ code: 'SESSION_ENDED' })
})

test('without such a change it opens', async () => {
  expect((await openWhile(() => undefined)).statusCode).toBe(201)
})
