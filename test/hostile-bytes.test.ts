/**
 * Malformed and oversized bytes at every port: a 4xx with a code or a closed connection, never a 5xx, a hang or a stack
 * trace, and the node serves on.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type Echo, OwnDevice } from '../rig/own-device.ts'
import { enterSession } from '../rig/pages.ts'
import type { Entered } from '../rig/session-client.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { expectRefused, head, portOf, type RawAnswer, sendRaw } from './raw-socket.ts'

const device = new OwnDevice()
let node: BareNode
let agent: OwnAgent
let session: Entered
let host: string
/** A request whose head never ends, begun before all others. */
let slow: Promise<RawAnswer>
/** The node's log. */
let said = ''

beforeAll(async () => {
  node = await startBareNode()
  node.process.stdout?.on('data', (text: Buffer) => {
    said += text.toString()
  })
  agent = await startOwnAgent(node, node.admin, 'Oficina')
  const own = { name: 'Próprio', baseUrl: await device.start() }
  const { id } = await registerDevice(node.admin, agent.installationId, own)
  session = await enterSession(node.admin, id)
  host = new URL(session.base).host
  slow = sendRaw(portOf(node.remoteUrl), `GET / HTTP/1.1\r\nHost: ${host}\r\n`)
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await node?.stop()
})

/** The same process as before answers. */
afterEach(async () => {
  expect(node.process.exitCode ?? node.process.signalCode).toBeNull()
  expect((await fetch(`${node.httpUrl}/readyz`)).status).toBe(200)
})

/** Requests that break HTTP itself, for any of our HTTP ports. Node itself answers the one without Host: no code. */
function brokenRequests(
  name: string,
  path = '/',
  cookie = 'a=1',
): Array<[what: string, bytes: string]> {
  const post = (...fields: string[]) => head('POST /api/auth/login HTTP/1.1', name, ...fields)
  return [
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['HTTP/0.9', `GET ${path}\r\n\r\n`],
    ['HTTP/2.0 line', head(`GET ${path} HTTP/2.0`, name)],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TRACE', head(`TRACE ${path} HTTP/1.1`, name, `Cookie: ${cookie}`)],
    ['CONNECT', head('CONNECT 127.0.0.1:22 HTTP/1.1', name)],
    ['unknown method', head(`BREW ${path} HTTP/1.1`, name)],
    ['no Host', `GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`],
    ['two Hosts', head(`GET ${path} HTTP/1.1`, name, 'Host: evil.example')],
    ['CL and TE', `${post('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\nX`],
    ['two CLs', `${post('Content-Length: 1', 'Content-Length: 2')}{}`],
    ['negative CL', post('Content-Length: -1')],
    ['huge CL', post('Content-Length: 99999999999999999999')],
    ['bad chunk', `${post('Transfer-Encoding: chunked')}zz\r\n{}\r\n0\r\n\r\n`],
    ['TE twice', `${post('Transfer-Encoding: chunked, chunked')}0\r\n\r\n`],
    [
      '1.0 with TE',
      `POST ${path} HTTP/1.0\r\nHost: ${name}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['obs-fold', head(`GET ${path} HTTP/1.1`, name, 'X-A: 1', ' folded')],
    ['space before colon', head(`GET ${path} HTTP/1.1`, name, 'X-A : 1')],
    ['bare CR', head(`GET ${path} HTTP/1.1`, name, 'X-A: 1\rX-B: 2')],
    ['NUL in a header', head(`GET ${path} HTTP/1.1`, name, 'X-A: \0')],
    ['NUL in the path', head('GET /a\0b HTTP/1.1', name)],
    ['space in the path', head('GET /a b HTTP/1.1', name)],
    ['head of 20 KB', head(`GET ${path} HTTP/1.1`, name, `X-A: ${'a'.repeat(20_000)}`)],
    ['path of 20 KB', head(`GET /${'a'.repeat(20_000)} HTTP/1.1`, name)],
  ]
}

test('the API port refuses what is not HTTP, with a 4xx and a code or by closing', async () => {
  for (const [what, bytes] of brokenRequests('localhost')) {
    const answer = await sendRaw(portOf(node.httpUrl), bytes)
    expectRefused(answer, what)
    if (answer.status !== undefined && what !== 'no Host')
      expect([what, answer.code]).toEqual([what, expect.any(String)])
  }
})

test('the remote port refuses it too, with the session’s own host and cookie, and nothing reaches the device', async () => {
  const before = device.seen.length
  for (const [what, bytes] of brokenRequests(host, '/echo', session.cookie)) {
    const withCookie = bytes.replace(
      '\r\nConnection',
      `\r\nCookie: ${session.cookie}\r\nConnection`,
    )
    const answer = await sendRaw(portOf(node.remoteUrl), withCookie)
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
    const answer = await sendRaw(portOf(node.remoteUrl), bytes)
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
    expect((await sendRaw(portOf(node.remoteUrl), bytes)).status).toBe(200)
    expect(device.seen.at(-1)).toBe(target)
  }
})

test('more than 100 headers, two cookies or two authorizations are refused on a session host', async () => {
  const many = Array.from({ length: 120 }, (_, i) => `X-${i}: 1`)
  const cookie = `Cookie: ${session.cookie}`
  const ask = (...fields: string[]) =>
    sendRaw(portOf(node.remoteUrl), head('GET /echo HTTP/1.1', host, ...fields))
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
      portOf(node.remoteUrl),
      head('GET / HTTP/1.1', name, `Cookie: ${session.cookie}`),
    )
    expectRefused(answer, name)
  }
})

test('static files stay in their folder', async () => {
  for (const path of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/..%2f..%2fpackage.json',
    '/assets/../../x',
  ]) {
    const { text } = await sendRaw(portOf(node.httpUrl), head(`GET ${path} HTTP/1.1`, 'localhost'))
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
  const answers = await Promise.all(packets.map((packet) => sendRaw(portOf(node.mqttUrl), packet)))
  for (const { text } of answers) {
    const [kind, , , code = 0] = Buffer.from(text, 'latin1')
    expect(text === '' || (kind === 0x20 && code > 0)).toBe(true)
  }
})

test('the WebSocket port answers 4xx to what is no upgrade of ours, and closes on garbage inside one', async () => {
  for (const [what, bytes] of brokenRequests('localhost'))
    expectRefused(await sendRaw(portOf(node.wsUrl), bytes), what)
  const upgrade = (path: string, ...fields: string[]) =>
    head(
      `GET ${path} HTTP/1.1`,
      'localhost',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      ...fields,
    ).replace('Connection: close', 'Connection: Upgrade')
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  expectRefused(await sendRaw(portOf(node.wsUrl), upgrade('/other', key)), 'other path')
  expectRefused(await sendRaw(portOf(node.wsUrl), upgrade('/ws/connectors')), 'no key')
  expectRefused(
    await sendRaw(portOf(node.wsUrl), head('GET /ws/connectors HTTP/1.1', 'localhost')),
    'no upgrade',
  )
  const good = upgrade('/ws/connectors', key, 'Sec-WebSocket-Protocol: mqtt')
  const garbage = await sendRaw(portOf(node.wsUrl), good, Buffer.from([0xff, 0xff, 0xff, 0xff]))
  expect(garbage.text).toMatch(/^HTTP\/1\.1 101/)
  const huge = await sendRaw(
    portOf(node.wsUrl),
    good,
    Buffer.from([0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
  )
  expect(huge.text).toMatch(/^HTTP\/1\.1 101/)
})

test('hostile header values reach the device as text of one header, or not at all', async () => {
  const ask = (value: string) => {
    const fields = [`Cookie: ${session.cookie}`, `X-Text: ${value}`]
    return sendRaw(portOf(node.remoteUrl), head('GET /echo HTTP/1.1', host, ...fields))
  }
  const { text } = await ask('caf\xe9, set-cookie: a=1')
  const echo = Buffer.from(/\{.*\}/s.exec(text)?.[0] ?? '', 'latin1').toString()
  const { headers } = JSON.parse(echo) as Echo
  expect(headers['x-text']).toBe('café, set-cookie: a=1')
  expect(Object.keys(headers)).not.toContain('set-cookie')
  const before = device.seen.length
  expectRefused(await ask('caf\xe9 \x1b[31m'), 'an escape')
  expect(device.seen.length).toBe(before)
})

test('a request that never ends its head is closed, and does not keep others waiting', async () => {
  const bytes = head('GET /echo HTTP/1.1', host, `Cookie: ${session.cookie}`)
  expect((await sendRaw(portOf(node.remoteUrl), bytes)).status).toBe(200)
  expectRefused(await slow, 'slowloris')
})

test('nothing of all this left a stack trace of an unexpected error in the node’s log', () => {
  const lines = said.split('\n').filter((line) => line !== '')
  expect(lines.filter((line) => /"level":(50|60)/.test(line))).toEqual([])
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
})
