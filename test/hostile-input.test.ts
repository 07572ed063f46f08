/**
 * Malformed, oversized and hostile bytes at every port: a 4xx with a code or a closed connection, never a 5xx, a
 * hang or a stack trace, and the node serves on (THREATS P3, P5, P6, B6, section 7).
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type Echo, OwnDevice } from '../rig/own-device.ts'
import { enterSession } from '../rig/pages.ts'
import { childPid, type Stack, startStack } from '../rig/stack.ts'
import { portOf, type RawAnswer, sendRaw } from './raw-socket.ts'

const device = new OwnDevice()
let stack: Stack
let manager: Api
let gate: Item
let session: Awaited<ReturnType<typeof enterSession>>
let nodePid: number
let agentProcess: { kill(signal: NodeJS.Signals): boolean }
let ports: { http: number; remote: number; ws: number; mqtt: number }
let host: string

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  gate = await deviceNamed(manager, 'Catraca Entrada')
  const agent = await startOwnAgent(stack, manager, 'Oficina')
  agentProcess = agent.process
  const own = { name: 'Próprio', baseUrl: await device.start() }
  session = await enterSession(
    manager,
    (await registerDevice(manager, agent.installationId, own)).id,
  )
  nodePid = childPid(stack, 'api/src/main.ts')
  const { httpUrl, remoteUrl, wsUrl, mqttUrl } = stack
  ports = {
    ...{
      http: portOf(httpUrl),
      remote: portOf(remoteUrl),
      ws: portOf(wsUrl),
      mqtt: portOf(mqttUrl),
    },
  }
  host = new URL(session.base).host
})

afterAll(async () => {
  agentProcess?.kill('SIGKILL')
  await device.stop()
  await stack?.stop()
})

/** The same process as before answers. */
afterEach(async () => {
  expect(childPid(stack, 'api/src/main.ts')).toBe(nodePid)
  expect((await fetch(`${stack.httpUrl}/readyz`)).status).toBe(200)
})

function expectRefused(answer: RawAnswer, what: string): void {
  const isRefused = answer.status === undefined || (answer.status >= 400 && answer.status < 500)
  expect([what.slice(0, 80), answer.status, isRefused]).toEqual([
    what.slice(0, 80),
    answer.status,
    true,
  ])
  expect(answer.text).not.toMatch(/\n\s+at .*(\.ts|\.js|node:)/)
  expect(answer.text).not.toMatch(/\/src\/|node_modules/)
}

const head = (line: string, name: string, ...fields: string[]) =>
  `${[line, `Host: ${name}`, ...fields, 'Connection: close'].join('\r\n')}\r\n\r\n`

/** Requests that break HTTP itself, for any of our HTTP ports. Node itself answers the one without Host: no code. */
function brokenRequests(name: string, cookie = 'a=1'): Array<[what: string, bytes: string]> {
  const post = (...fields: string[]) => head('POST /api/auth/login HTTP/1.1', name, ...fields)
  return [
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['HTTP/2.0 line', head('GET / HTTP/2.0', name)],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TRACE', head('TRACE / HTTP/1.1', name, `Cookie: ${cookie}`)],
    ['CONNECT', head('CONNECT 127.0.0.1:22 HTTP/1.1', name)],
    ['unknown method', head('BREW / HTTP/1.1', name)],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two Hosts', head('GET / HTTP/1.1', name, 'Host: evil.example')],
    ['CL and TE', `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\nX`],
    ['two CLs', `${post('Content-Length: 1', 'Content-Length: 2')}{}`],
    ['negative CL', post('Content-Length: -1')],
    ['huge CL', post('Content-Length: 99999999999999999999')],
    ['bad chunk', `${post('Transfer-Encoding: chunked')}zz\r\n{}\r\n0\r\n\r\n`],
    ['TE twice', `${post('Transfer-Encoding: chunked, chunked')}0\r\n\r\n`],
    [
      '1.0 with TE',
      `POST / HTTP/1.0\r\nHost: ${name}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['obs-fold', head('GET / HTTP/1.1', name, 'X-A: 1', ' folded')],
    ['space before colon', head('GET / HTTP/1.1', name, 'X-A : 1')],
    ['bare CR', head('GET / HTTP/1.1', name, 'X-A: 1\rX-B: 2')],
    ['NUL in a header', head('GET / HTTP/1.1', name, 'X-A: \0')],
    ['NUL in the path', head('GET /a\0b HTTP/1.1', name)],
    ['space in the path', head('GET /a b HTTP/1.1', name)],
    ['head of 20 KB', head('GET / HTTP/1.1', name, `X-A: ${'a'.repeat(20_000)}`)],
    ['path of 20 KB', head(`GET /${'a'.repeat(20_000)} HTTP/1.1`, name)],
  ]
}

test('the API port refuses what is not HTTP, with a 4xx and a code or by closing', async () => {
  for (const [what, bytes] of brokenRequests('localhost')) {
    const answer = await sendRaw(ports.http, bytes)
    expectRefused(answer, what)
    if (answer.status !== undefined && what !== 'no Host')
      expect([what, answer.code]).toEqual([what, expect.any(String)])
  }
})

test('the remote port refuses it too, with the session’s own host and cookie, and nothing reaches the device', async () => {
  const before = device.seen.length
  for (const [what, bytes] of brokenRequests(host, session.cookie)) {
    const withCookie = bytes.replace(
      '\r\nConnection',
      `\r\nCookie: ${session.cookie}\r\nConnection`,
    )
    const answer = await sendRaw(ports.remote, withCookie)
    expectRefused(answer, what)
    if (answer.status !== undefined && what !== 'no Host')
      expect([what, answer.code]).toEqual([what, expect.any(String)])
  }
  expect(device.seen.slice(before)).toEqual([])
})

test('hostile targets on a session host are 400 and never sent; odd but valid ones arrive byte for byte', async () => {
  const before = device.seen.length
  const hostile = [
    ...[
      '//evil.example/',
      '/../etc/passwd',
      '/a/../../b',
      '/%2e%2e/x',
      '/a/%2E./%2e%2E/x',
      '/\\evil',
    ],
    ...['/%00', '/%0d%0aset-cookie:a=1', '/%', '/%zz', '/%2f..%2f', 'http://evil.example/'],
    ...['*', 'evil', '/é', '/a#b', '/<script>', '/a"b'],
  ]
  for (const target of hostile) {
    const bytes = head(`GET ${target} HTTP/1.1`, host, `Cookie: ${session.cookie}`)
    const answer = await sendRaw(ports.remote, bytes)
    expectRefused(answer, target)
    expect([target, answer.status]).toEqual([target, 400])
  }
  expect(device.seen.slice(before)).toEqual([])
  for (const target of [
    '/echo?a=%2F..%2f&b=%0d%0a',
    '/a/../echo?x',
    '/echo?q=%252e',
    '/a/%2e%2e/echo',
  ]) {
    const bytes = head(`GET ${target} HTTP/1.1`, host, `Cookie: ${session.cookie}`)
    expect((await sendRaw(ports.remote, bytes)).status).toBe(200)
    expect(device.seen.at(-1)).toBe(target)
  }
})

test('more than 100 headers, two cookies or two authorizations are refused on a session host', async () => {
  const many = Array.from({ length: 120 }, (_, i) => `X-${i}: 1`)
  const cookie = `Cookie: ${session.cookie}`
  const ask = (...fields: string[]) =>
    sendRaw(ports.remote, head('GET /echo HTTP/1.1', host, ...fields))
  expect(await ask(cookie, ...many)).toMatchObject({ status: 431, code: 'HEADERS_TOO_LARGE' })
  expect(await ask(cookie, 'Cookie: b=2')).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
  const twice = ['Authorization: Basic YQ==', 'Authorization: Basic Yg==']
  expect(await ask(cookie, ...twice)).toMatchObject({ status: 400 })
})

test('hosts that are no session are 404 on the remote port, whatever they look like', async () => {
  const hosts = [
    '',
    'localhost',
    'remote.localhost',
    `x.${host}`,
    `${session.sessionId}.evil.example`,
  ]
  const odd = [`user@${host}`, '[::1]:1', '__proto__.remote.localhost', 'a'.repeat(5_000)]
  for (const name of [...hosts, ...odd]) {
    const answer = await sendRaw(
      ports.remote,
      head('GET / HTTP/1.1', name, `Cookie: ${session.cookie}`),
    )
    expectRefused(answer, name)
  }
})

test('a request that never ends its head is closed, and does not keep others waiting', async () => {
  const slow = sendRaw(ports.remote, `GET / HTTP/1.1\r\nHost: ${host}\r\n`)
  const page = await sendRaw(
    ports.remote,
    head('GET /echo HTTP/1.1', host, `Cookie: ${session.cookie}`),
  )
  expect(page.status).toBe(200)
  expectRefused(await slow, 'slowloris')
})

const json = { 'content-type': 'application/json' }

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
      const { status, body: answer } = await manager.call<{ code?: string }>(method, path, body)
      const isHarmless = method === 'PATCH' && status === 200
      const isRefused = isHarmless || (status >= 400 && status < 500 && answer.code !== undefined)
      expect([route, body.slice(0, 40), status, isRefused]).toEqual([
        ...[route, body.slice(0, 40), status, true],
      ])
    }
  }
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
}, 60_000)

test('names with NUL, lone surrogates, line breaks or markup are refused or kept as plain text', async () => {
  const path = '/api/installations'
  for (const name of [
    'a\u0000b',
    '\ud800',
    'a\r\nb',
    '<img src=x onerror=alert(1)>',
    '\u202eabc',
    '{{7*7}}',
  ]) {
    const { status, body } = await manager.call<Item>('POST', path, { name })
    expect([201, 400]).toContain(status)
    if (status !== 201) continue
    const again = await manager.get<Item>(`${path}/${body.id}`)
    expect(again.name).toBe(body.name)
    expect((await manager.call('DELETE', `${path}/${body.id}`)).status).toBe(204)
  }
})

test('a body that is too large is 413, one of another type 415, one in a strange encoding 4xx', async () => {
  const path = '/api/auth/login'
  const large = await manager.call('POST', path, JSON.stringify({ email: 'x'.repeat(70_000) }))
  expect([large.status, large.body['code']]).toEqual([413, 'REQUEST_TOO_LARGE'])
  for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'x']) {
    const answer = await manager.call('POST', path, '{}', { 'content-type': type })
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
  expectRefused(await sendRaw(ports.http, chunked, ...Array(8).fill(chunk)), 'endless body')
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
    const { status, body } = await manager.call<{ code?: string }>(method, path)
    expect([one, status >= 400 && status < 500, typeof body.code]).toEqual([one, true, 'string'])
  }
})

test('static files stay in their folder', async () => {
  for (const path of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/..%2f..%2fpackage.json',
    '/assets/../../x',
  ]) {
    const { text } = await sendRaw(ports.http, head(`GET ${path} HTTP/1.1`, 'localhost'))
    expect(text).not.toContain('"workspaces"')
    expect(text).not.toMatch(/^HTTP\/1\.1 5/)
  }
})

test('the MQTT ports close on anything that is not a good CONNECT', async () => {
  const connectPacket = (flags: number, id: Buffer) =>
    Buffer.concat([
      Buffer.from([0x10, 12 + id.length, 0, 4]),
      Buffer.from('MQTT'),
      Buffer.from([4, flags, 0, 30, 0, id.length]),
      id,
    ])
  const packets = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4]),
    Buffer.from([0x30, 3, 0, 1, 35]),
    Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x80]),
    Buffer.concat([connectPacket(2, Buffer.from('x')), connectPacket(2, Buffer.from('x'))]),
    connectPacket(2, Buffer.from([0xed, 0xa0, 0x80])),
    connectPacket(2, Buffer.from('a\0b')),
    connectPacket(2, Buffer.alloc(0)),
    connectPacket(0xff, Buffer.from('x')),
    Buffer.concat([Buffer.from([0x10, 0xff, 0xff, 0x03]), Buffer.alloc(65_535)]),
    Buffer.alloc(0),
  ]
  const answers = await Promise.all(packets.map((packet) => sendRaw(ports.mqtt, packet)))
  for (const { text } of answers) {
    const [kind, , , code = 0] = Buffer.from(text, 'latin1')
    expect(text === '' || (kind === 0x20 && code > 0)).toBe(true)
  }
})

test('the WebSocket port answers 4xx to what is no upgrade of ours, and closes on garbage inside one', async () => {
  for (const [what, bytes] of brokenRequests('localhost'))
    expectRefused(await sendRaw(ports.ws, bytes), what)
  const upgrade = (path: string, ...fields: string[]) =>
    head(
      `GET ${path} HTTP/1.1`,
      'localhost',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      ...fields,
    ).replace('Connection: close', 'Connection: Upgrade')
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  expectRefused(await sendRaw(ports.ws, upgrade('/other', key)), 'other path')
  expectRefused(await sendRaw(ports.ws, upgrade('/ws/connectors')), 'no key')
  expectRefused(
    await sendRaw(ports.ws, head('GET /ws/connectors HTTP/1.1', 'localhost')),
    'no upgrade',
  )
  const good = upgrade('/ws/connectors', key, 'Sec-WebSocket-Protocol: mqtt')
  const garbage = await sendRaw(ports.ws, good, Buffer.from([0xff, 0xff, 0xff, 0xff]))
  expect(garbage.text).toMatch(/^HTTP\/1\.1 101/)
  const huge = await sendRaw(
    ports.ws,
    good,
    Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
  )
  expect(huge.text).toMatch(/^HTTP\/1\.1 101/)
})

test('hostile header values reach the device as text of one header, or not at all', async () => {
  const echo = await new Promise<string>((resolve, reject) => {
    const headers = {
      host,
      cookie: session.cookie,
      'x-text': 'caf\xe9 \x1b[31m',
      'accept-language': '*',
    }
    const options = { host: '127.0.0.1', port: ports.remote, path: '/echo', headers, agent: false }
    request(options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.once('end', () => resolve(text))
    })
      .once('error', reject)
      .end()
  }).catch(() => '{"headers":{}}')
  const { headers } = JSON.parse(echo) as Echo
  expect(Object.keys(headers)).not.toContain('set-cookie')
})

test('nothing of all this left a stack trace of an unexpected error in the node’s log', () => {
  const lines = readFileSync(join(stack.dataDir, 'demo/node.log'), 'utf8').split('\n')
  const errors = lines.filter((line) => /"level":(50|60)/.test(line))
  expect(errors).toEqual([])
  for (const line of lines.filter((one) => one !== '')) expect(() => JSON.parse(line)).not.toThrow()
})

test('requests with JSON headers of every kind do not confuse the one content type that is taken', async () => {
  const types = [
    'application/json; charset=utf-16',
    'application/json;',
    'APPLICATION/JSON',
    json['content-type'],
  ]
  for (const type of types) {
    const answer = await new Api(stack.httpUrl).call('POST', '/api/auth/login', '{}', {
      'content-type': type,
    })
    expect([400, 415]).toContain(answer.status)
  }
})
