import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { compile } from '@travessia/schemas/compile'
import { errorText } from '@travessia/schemas/errors'
import { eventSchemas } from '@travessia/schemas/events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Session, startGateway, type TestGateway } from './gateway.fixture.ts'

const reached: string[] = []
const device = createServer((request: IncomingMessage, response) => {
  reached.push(`${request.method} ${request.url}`)
  request.resume().on('end', () => response.end('ok'))
})
device.on('upgrade', (request, socket) => {
  reached.push(`UPGRADE ${request.url}`)
  socket.destroy()
})
let node: TestGateway
let session: Session

beforeAll(async () => {
  await new Promise<void>((resolve) => device.listen(0, '127.0.0.1', resolve))
  node = await startGateway(`http://127.0.0.1:${(device.address() as AddressInfo).port}`)
  const row = await node.register({ driver: 'control-id' })
  session = await node.open(row, { access: 'readonly' })
})

afterAll(async () => {
  await node.stop()
  device.closeAllConnections()
  device.close()
})

const post = (path: string, headers: Record<string, string> = {}) =>
  node.get(session, path, {
    ...{ method: 'POST', body: '{}' },
    headers: { origin: `http://${session.host}`, ...headers },
  })

test('in a read-only session the page loads and what it reads by POST passes', async () => {
  expect((await node.get(session, '/en_US/html/index.html')).status).toBe(200)
  expect((await post('/load_objects.fcgi')).status).toBe(200)
  expect(reached).toEqual(['GET /en_US/html/index.html', 'POST /load_objects.fcgi'])
})

test('what could change the device is 403 at the gateway, in words, and the refusal is in the log', async () => {
  const before = [...reached]
  const answer = await post('/execute_actions.fcgi?session=secret')
  expect([answer.status, answer.headers['x-travessia-error']]).toEqual([403, 'SESSION_READ_ONLY'])
  expect(JSON.parse(String(answer.body))).toMatchObject({
    title: errorText('SESSION_READ_ONLY', 'pt-BR'),
    code: 'SESSION_READ_ONLY',
  })
  const page = await post('/execute_actions.fcgi', {
    accept: 'text/html',
    'sec-fetch-dest': 'document',
  })
  expect(String(page.body)).toContain('só para olhar')
  expect(reached).toEqual(before)
  const facts = await node.factsOf(session.id, 'HttpRequestRefused')
  const [refused] = facts.filter(({ type }) => type === 'HttpRequestRefused')
  expect(refused?.data).toMatchObject({
    ...{ method: 'POST', path: '/execute_actions.fcgi?session=[redacted]' },
    errorCode: 'SESSION_READ_ONLY',
  })
  expect(compile(eventSchemas.HttpRequestRefused)(refused?.data)).toBe(true)
  expect(facts.filter(({ type }) => type === 'HttpRequestForwarded')).toHaveLength(2)
})

test.each([
  ['GET', '/reboot'],
  ['POST', '/load%5Fobjects.fcgi'],
  ['POST', '/execute_actions.fcgi?a=/load_objects.fcgi'],
  ['PUT', '/load_objects.fcgi'],
  ['DELETE', '/'],
])('%s %s is refused in every spelling', async (method, path) => {
  const before = [...reached]
  const headers = { origin: `http://${session.host}` }
  const answer = await node.get(session, path, { method, headers })
  expect(answer.headers['x-travessia-error']).toBe('SESSION_READ_ONLY')
  expect(reached).toEqual(before)
})

test('a WebSocket is refused before the device hears of it', async () => {
  const before = [...reached]
  const answer = await node.raw(
    `GET /ws HTTP/1.1\r\nHost: ${session.host}\r\nOrigin: http://${session.host}\r\nCookie: ${session.cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 403 SESSION_READ_ONLY/)
  expect(reached).toEqual(before)
})

test('the session is read-only after a restart too, and says so', async () => {
  const { sessions, views } = node.parts
  const row = (await views.sessions.active()).find(({ id }) => id === session.id)
  expect(row?.access).toBe('readonly')
  const facts = await node.factsOf(session.id, 'SessionOpened')
  expect(facts.map(({ data }) => data)).toEqual(
    expect.arrayContaining([expect.objectContaining({ access: 'readonly', mode: 'host' })]),
  )
  sessions.stop()
  await sessions.start()
  expect(sessions.find(session.id)?.access).toBe('readonly')
  expect((await post('/execute_actions.fcgi')).status).toBe(403)
})
