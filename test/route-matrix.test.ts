/**
 * Every route of the running node × who asks: what is foreign or unknown is 404, a role that lacks the right 403,
 * no valid token 401, in this order. A route without an expectation here fails the suite.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import {
  aliases,
  type Expectation,
  everybody,
  matrix,
  queries,
  type Role,
  type Scope,
} from './routes.ts'

const unknownId = 'z'.repeat(26)
let stack: Stack
let people: Record<Role, Api>
let foreign: Api
let narrowed: Api
/** What each scope's `{id}` is, in the first tenant's "Matriz". */
let ids: Record<Scope, string>
let site: string

beforeAll(async () => {
  stack = await startStack()
  const signIn = (name: string) => new Api(stack.httpUrl).signIn(`${name}@demo.travessia`)
  const [admin, manager, operator, auditor] = await Promise.all([
    ...[signIn('admin'), signIn('gestor'), signIn('operador'), signIn('auditor')],
  ])
  if (!admin || !manager || !operator || !auditor) throw new Error('nobody signed in')
  people = { admin, manager, operator, auditor }
  foreign = await new Api(stack.httpUrl).signIn('gestor@outro.travessia')
  const gate = await deviceNamed(manager, 'Catraca Entrada')
  site = String(gate['installationId'])
  const other = await manager.call<Item>('POST', '/api/installations', { name: 'Estreita' })
  narrowed = await narrowedAdmin(other.body.id)
  const command = await eventually(async () => {
    const body = { command: 'OpenGate', args: { direction: 'both' } }
    const issued = await manager.call('POST', `/api/devices/${gate.id}/commands`, body)
    return issued.status === 202 && String(issued.body['commandId'])
  })
  const session = await manager.call('POST', `/api/devices/${gate.id}/sessions`, {})
  const me = await manager.get<Item>('/api/auth/me')
  const feed = { name: 'SIEM', url: 'http://127.0.0.1:1' }
  const added = await admin.call<Item>('POST', '/api/audit/feeds', feed)
  const hold = { scope: 'device', id: gate.id, reason: 'processo' }
  const placed = await admin.call('POST', '/api/audit/holds', hold)
  ids = {
    ...{ feed: added.body.id, hold: String(placed.body['holdId']) },
    ...{ installation: site, device: gate.id, command, member: me.id, slug: 'matriz' },
    session: String(session.body['sessionId']),
    camera: (await deviceNamed(manager, 'Câmera Recepção')).id,
  }
})

afterAll(async () => {
  await stack?.stop()
})

async function narrowedAdmin(installationId: string): Promise<Api> {
  const [email, password] = ['estreito@demo.travessia', 'uma senha bem longa']
  const fields = { email, password, name: 'Estreito', role: 'admin' }
  const body = { ...fields, installationIds: [installationId] }
  expect((await people.admin.call('POST', '/api/users', body)).status).toBe(201)
  return new Api(stack.httpUrl).signIn(email, password)
}

/** With this id, or with the one that the scope has. */
function pathOf(route: string, scope: Scope | undefined, id = scope && ids[scope]): string {
  return (route.split(' ')[1] ?? route)
    .replace('{site}', site)
    .replace('{id}', id ?? unknownId)
    .replace('{ref}', '0'.repeat(64))
    .replace('{logIndex}', '0')
    .replace('{installation}', id ?? '')
    .replace('/{device}?', '')
}

async function statusOf(as: Api, route: string, path: string): Promise<number> {
  const method = route.split(' ')[0] ?? 'GET'
  const abort = AbortSignal.timeout(5_000)
  const headers = as.token === undefined ? {} : { authorization: `Bearer ${as.token}` }
  const response = await fetch(stack.httpUrl + path, { method, headers, signal: abort })
  await response.body?.cancel()
  return response.status
}

function withToken(token: string | undefined): Api {
  const api = new Api(stack.httpUrl)
  api.token = token
  return api
}

const closed = Object.entries(matrix).filter(([, { roles }]) => roles !== 'public')
const scoped = closed.flatMap(([route, { scope }]) => (scope ? [[route, scope] as const] : []))

test('the node has exactly the routes that this matrix knows', async () => {
  const response = await fetch(`${stack.httpUrl}/docs/openapi.json`)
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> }
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(routes.toSorted()).toEqual(Object.keys(matrix).toSorted())
})

test('no token, a garbage one, an altered one or a signed-out one is 401 on every closed route', async () => {
  const leaver = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  await leaver.call('POST', '/api/auth/logout')
  const [head, claims, signature] = String(people.admin.token).split('.')
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
  const tokens = [
    ...[undefined, 'x', 'a.b.c', leaver.token, `${none}.${claims}.`],
    ...[
      `${head}.${claims}.${signature?.split('').toReversed().join('')}`,
      `${head}.e30.${signature}`,
    ],
  ]
  for (const [route, { scope }] of closed) {
    const answers = tokens.map((token) => statusOf(withToken(token), route, pathOf(route, scope)))
    expect([route, ...(await Promise.all(answers))]).toEqual([route, ...tokens.map(() => 401)])
  }
})

test('an unknown id, and one of another tenant, is 404 for everybody, before the role is asked', async () => {
  for (const [route, scope] of scoped) {
    const answers = [
      ...Object.values(people).map((as) => statusOf(as, route, pathOf(route, scope, unknownId))),
      statusOf(foreign, route, pathOf(route, scope)),
      statusOf(people.admin, route, pathOf(route, scope, 'NOT-an-id')),
    ]
    expect([route, ...(await Promise.all(answers))]).toEqual([route, ...answers.map(() => 404)])
  }
})

test('whoever is narrowed to another installation gets 404, as admin too', async () => {
  for (const [route, scope] of scoped) {
    if (scope === 'member') continue
    expect([route, await statusOf(narrowed, route, pathOf(route, scope))]).toEqual([route, 404])
  }
})

test('a role without the right is 403 on every route that exists for it', async () => {
  for (const [route, { roles, scope }] of closed) {
    for (const role of everybody.filter((one) => !roles.includes(one))) {
      const status = await statusOf(people[role], route, pathOf(route, scope))
      expect([route, role, status]).toEqual([route, role, 403])
    }
  }
})

test('a role with the right may read every route that only reads', async () => {
  for (const [route, { roles, scope }] of closed.filter(([name]) => name.startsWith('GET'))) {
    const query = queries[route] ?? ''
    for (const role of everybody.filter((one) => roles.includes(one))) {
      const status = await statusOf(people[role], route, pathOf(route, scope) + query)
      // Whether there is a body of that name is asked last.
      expect([route, role, status]).toEqual([route, role, route.includes('{ref}') ? 404 : 200])
    }
  }
})

test('public routes answer without a token, and garbage in the header does not matter there', async () => {
  for (const [route, { roles }] of Object.entries(matrix)) {
    if (roles !== 'public') continue
    const wanted = route.startsWith('GET') ? [200] : [400, 415]
    for (const token of [undefined, 'x'])
      expect(wanted).toContain(await statusOf(withToken(token), route, pathOf(route, undefined)))
  }
})

describe('the paths of the original design', () => {
  test.each(aliases)('%s answers as its route does', async (alias, route) => {
    const { roles, scope } = matrix[route] as Expectation
    const method = route.split(' ')[0] ?? ''
    const ask = (as: Api, id?: string) => statusOf(as, method, pathOf(alias, scope, id))
    expect(await ask(foreign)).toBe(404)
    expect(await ask(narrowed)).toBe(404)
    expect(await ask(people.manager, unknownId)).toBe(404)
    for (const role of everybody.filter((one) => !roles.includes(one)))
      expect(await ask(people[role])).toBe(403)
    // Without a token two of them are the agent's own calls, which want a body.
    const isAgentCall = method === 'POST' && alias.includes('/connector/')
    expect(await ask(withToken(undefined))).toBe(isAgentCall ? 400 : 401)
    expect(await ask(withToken('x'))).toBe(401)
  })

  test('a device or session named under another installation is not found there', async () => {
    const sites = await people.admin.get<{ items: Item[] }>('/api/installations')
    const elsewhere = sites.items.find(({ id }) => id !== site)?.id
    for (const [alias, route] of aliases.slice(0, 3)) {
      const scope = matrix[route]?.scope
      const path = pathOf(alias.replace('{site}', String(elsewhere)), scope)
      expect([alias, await statusOf(people.admin, route, path)]).toEqual([alias, 404])
    }
  })
})

test('an admin narrowed to some installations can neither widen itself nor make somebody wider', async () => {
  const me = await narrowed.get<Item>('/api/auth/me')
  const widen = { installationIds: null }
  expect((await narrowed.call('PATCH', `/api/users/${me.id}`, widen)).status).toBe(403)
  const fields = { email: 'largo@demo.travessia', password: 'uma senha bem longa', name: 'Largo' }
  const made = await narrowed.call('POST', '/api/users', { ...fields, role: 'admin' })
  expect(made.status).toBe(403)
  expect(
    (await narrowed.call('PATCH', `/api/users/${ids.member}`, { role: 'auditor' })).status,
  ).toBe(403)
})

test('an admin narrowed to some installations cannot change the policy of all', async () => {
  const body = { secondPerson: { safety: [], deviceIds: [] } }
  expect((await narrowed.call('PATCH', '/api/policy', body)).status).toBe(403)
})

test('the hidden routes are metrics for this host and keys for everybody, and nothing else answers', async () => {
  expect(await statusOf(withToken(undefined), 'GET', '/metrics')).toBe(200)
  const keys = await fetch(`${stack.httpUrl}/.well-known/jwks.json`)
  expect(await keys.text()).not.toMatch(/"(d|p|q|dp|dq|qi|k)":/)
  for (const path of ['/api', '/api/', '/api/nothing', '/api/users/me/keys', '/documentation/json'])
    expect([200, 404]).toContain(await statusOf(people.admin, 'GET', path))
  for (const path of ['/api/', '/api/nothing', '/api/__proto__', '/api/constructor'])
    expect(await statusOf(people.admin, 'GET', path)).toBe(404)
})

test('a device registered elsewhere cannot be narrowed to by a stranger’s installation', async () => {
  const theirs = await foreign.get<{ items: Item[] }>('/api/installations')
  const [first] = theirs.items
  const body = {
    email: 'x1@demo.travessia',
    password: 'uma senha bem longa',
    name: 'X',
    role: 'manager',
  }
  const wanted = { ...body, installationIds: [first?.id] }
  expect((await people.admin.call('POST', '/api/users', wanted)).status).toBe(400)
  const device = { name: 'X', baseUrl: 'http://127.0.0.1:1' }
  await expect(registerDevice(people.manager, String(first?.id), device)).rejects.toThrow(
    'NOT_FOUND',
  )
})
