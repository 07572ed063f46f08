/** Bodies, names and parameters of the API that nobody means well with: a 4xx with a code, and the node serves on. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Api, type Item } from '../rig/api.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { expectRefused, head, portOf, sendRaw } from './raw-socket.ts'

let node: BareNode
let gate: Item

beforeAll(async () => {
  node = await startBareNode()
  const site = await node.admin.call<Item>('POST', '/api/installations', { name: 'Matriz' })
  gate = await registerDevice(node.admin, site.body.id, {
    ...{ name: 'Catraca', kind: 'turnstile', driver: 'control-id', baseUrl: 'http://10.0.0.5' },
  })
})

afterAll(async () => {
  await node?.stop()
})

/** The same process as before answers. */
afterEach(async () => {
  expect(node.process.exitCode ?? node.process.signalCode).toBeNull()
  expect((await fetch(`${node.httpUrl}/readyz`)).status).toBe(200)
})

test('bodies that are not what a route wants are 4xx with a code, on every route that takes one', async () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  const bodies = [
    ...['', '{', 'null', '[]', '1e999', '"x"', 'true', '{"email":1e999}', deep, `{"a":${deep}}`],
    ...['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{}}}', '{"email":"\u0000"}'],
    ...['{"email":"\\ud800@x","password":"\\udfff"}', '{"name":"a","name":"b"}', '\ufeff{}'],
    ...[`{"name":"${'x'.repeat(1_000)}"}`, `{"email":{"$ne":null},"password":{"$ne":null}}`],
    ...['{"name":"\\u0000"}', '{"expiresInMs":1e308}', '{"ttlSeconds":-1}', '{"ttlSeconds":1e999}'],
  ]
  const routes = [
    ...(['POST /api/auth/login', 'POST /api/auth/register', 'POST /api/agents/pair'] as const),
    ...(['POST /api/agents/token', 'POST /api/users', 'PATCH /api/auth/me'] as const),
    ...[`PATCH /api/devices/${gate.id}`, `POST /api/devices/${gate.id}/proxy-http`],
    ...[`POST /api/devices/${gate.id}/commands`],
    `POST /api/installations/${gate['installationId']}/devices`,
  ]
  for (const route of routes) {
    const [method = '', path = ''] = route.split(' ')
    for (const body of bodies) {
      const { status, body: answer } = await node.admin.call<{ code?: string }>(method, path, body)
      const isHarmless = method === 'PATCH' && status === 200
      const isRefused = isHarmless || (status >= 400 && status < 500 && answer.code !== undefined)
      expect([route, body.slice(0, 40), status, isRefused]).toEqual([
        ...[route, body.slice(0, 40), status, true],
      ])
    }
  }
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
}, 60_000)

test('a text with NUL or half a character is 400 wherever it stands, and nothing of it is done', async () => {
  const sessions = `/api/devices/${gate.id}/sessions`
  for (const text of ['a\u0000b', '\ud800'])
    for (const [path, body, at] of [
      ['/api/installations', { name: text }, '/name'],
      [
        '/api/users',
        { email: 'x@nul.example', name: text, role: 'operator', password: 'uma senha bem longa' },
        '/name',
      ],
      [sessions, { reason: text }, '/reason'],
    ] as const) {
      const { status, body: answer } = await node.admin.call<Item>('POST', path, body)
      expect([status, answer['code'], answer['at']]).toEqual([400, 'MESSAGE_INVALID', at])
    }
  const asked = await node.admin.call<Item>('GET', '/api/audit/events?q=%00')
  expect([asked.status, asked.body['code']]).toEqual([400, 'MESSAGE_INVALID'])
})

test('names with line breaks or markup are refused or kept as plain text', async () => {
  const path = '/api/installations'
  for (const name of ['a\r\nb', '<img src=x onerror=alert(1)>', '\u202eabc', '{{7*7}}']) {
    const { status, body } = await node.admin.call<Item>('POST', path, { name })
    expect([201, 400]).toContain(status)
    if (status !== 201) continue
    const again = await node.admin.get<Item>(`${path}/${body.id}`)
    expect(again.name).toBe(body.name)
    expect((await node.admin.call('DELETE', `${path}/${body.id}`)).status).toBe(204)
  }
})

test('a body that is too large is 413, one of another type 415, one in a strange encoding 4xx', async () => {
  const path = '/api/auth/login'
  const large = await node.admin.call('POST', path, JSON.stringify({ email: 'x'.repeat(70_000) }))
  expect([large.status, large.body['code']]).toEqual([413, 'REQUEST_TOO_LARGE'])
  for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'x']) {
    const answer = await node.admin.call('POST', path, '{}', { 'content-type': type })
    expect([400, 415]).toContain(answer.status)
    expect(answer.body['code']).toBeDefined()
  }
  const endless = head(
    'POST /api/auth/login HTTP/1.1',
    'localhost',
    'Content-Type: application/json',
  )
  const chunked = endless.replace('\r\nConnection', '\r\nTransfer-Encoding: chunked\r\nConnection')
  const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
  expectRefused(
    await sendRaw(portOf(node.httpUrl), chunked, ...Array(8).fill(chunk)),
    'endless body',
  )
})

test('wrong methods, unknown paths and hostile parameters of the API are 4xx with a code', async () => {
  const requests = [
    ...[
      'PUT /api/auth/login',
      'DELETE /api/auth/me',
      'GET /api/auth/login',
      'PATCH /api/installations',
    ],
    ...[
      'GET /api/devices/__proto__',
      'GET /api/devices/%00',
      'GET /api/devices/..%2f..%2f',
      'GET /api/%',
    ],
    ...[
      `GET /api/devices/${'a'.repeat(5_000)}`,
      'GET /api/commands/constructor',
      'GET /api/nothing',
    ],
    ...[
      'GET /api/audit/events?limit=0',
      'GET /api/audit/events?limit=1e999',
      'GET /api/events?after=-1',
    ],
    ...['GET /api/audit/events?cursor=%27%20or%201=1', 'GET /api/audit/events?from=yesterday'],
    ...['GET /api/audit/events?type=__proto__', 'GET /api/audit/events?limit=1&limit=2&x=1'],
    ...['GET /api/audit/export?format=zip', 'GET /api/audit/export?format=pdf'],
    ...['GET /api/audit/sessions?cursor=x', `GET /api/addresses/${'%2e'.repeat(50)}`],
    ...[
      'GET /api/audit/sessions?cursor=99999999999999999999999',
      'GET /api/audit/events?cursor=1e999',
    ],
  ]
  for (const one of requests) {
    const [method = '', path = ''] = one.split(' ')
    const { status, body } = await node.admin.call<{ code?: string }>(method, path)
    expect([one, status >= 400 && status < 500, typeof body.code]).toEqual([one, true, 'string'])
  }
})

test('requests with JSON headers of every kind do not confuse the one content type that is taken', async () => {
  const types = [
    'application/json; charset=utf-16',
    'application/json;',
    'APPLICATION/JSON',
    'application/json',
  ]
  for (const type of types) {
    const answer = await new Api(node.httpUrl).call('POST', '/api/auth/login', '{}', {
      'content-type': type,
    })
    expect([400, 415]).toContain(answer.status)
  }
})
