import type { IncomingHttpHeaders, Server } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ProxyBody } from '@travessia/schemas/api'
import type { EventType } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Services } from '../services.ts'
import type { DeviceRow } from '../views/devices.ts'
import { callDevice } from './api-proxy.ts'
import { listen, startGateway, type TestGateway, tenantId } from './gateway.fixture.ts'

const largest = 8 * 1024 * 1024
let node: TestGateway
let server: Server
let device: DeviceRow
const asked: Array<{ url: string; headers: IncomingHttpHeaders; body: string }> = []
const left: Array<Promise<unknown>> = []

beforeAll(async () => {
  const listening = await listen((request, response) => {
    const { url = '', headers } = request
    void text(request).then((body) => {
      asked.push({ url, headers, body })
      left.push(new Promise((resolve) => response.once('close', resolve)))
      response.setHeader('set-cookie', ['a=1', 'b=2']).setHeader('content-type', 'text/plain')
      response.end(url.startsWith('/large/') ? Buffer.alloc(Number(url.slice(7))) : 'sim')
    })
  })
  server = listening.server
  node = await startGateway(listening.url)
  device = await node.register()
})
afterAll(async () => {
  await node.stop()
  server.closeAllConnections()
  server.close()
})
afterEach(() => void asked.splice(0))

function callOf(call: Partial<ProxyBody>) {
  const services = { ...node.parts, now: Date.now, log: pino({ level: 'silent' }) }
  const whole = { method: 'POST', path: '/', ...call } as ProxyBody
  return callDevice(services as unknown as Services, device, { call: whole, userId: newId() })
}

/** By type: the end of an exchange is written once its bodies were looked through, after later ones too. */
const factsOf = async (type: EventType) =>
  (await node.parts.store.readTenant(tenantId, 0, 1_000)).filter((fact) => fact.type === type)

test('a JSON value is sent as one, and the answer comes as text with each of its cookies', async () => {
  const answer = await callOf({ path: '/a?b=c', body: { a: 'é' }, headers: { 'X-Own': '1' } })
  expect(answer).toMatchObject({ statusCode: 200, body: 'sim', bodyEncoding: 'utf8' })
  expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
  expect(answer.headers).not.toHaveProperty('connection')
  const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = asked
  expect([url, body]).toEqual(['/a?b=c', '{"a":"é"}'])
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-own': '1' })
})

test.each<[string, string, Partial<ProxyBody>]>([
  ['leads to another host', '/path', { path: '//evil.example/' }],
  ['leaves its folder', '/path', { path: '/a/../../b' }],
  ['has a line break in its path', '/path', { path: '/a\r\nX-Injected: 1' }],
  ['has a line break in a header', '/headers/x', { headers: { x: '1\r\nX-Injected: 1' } }],
  ['has a header beyond Latin-1', '/headers/x', { headers: { x: '\u0100' } }],
  ['has a name that is none', '/headers/x: 1', { headers: { 'x: 1': '1' } }],
  ['has no base64 as such', '/body', { body: '*', bodyEncoding: 'base64' }],
])('a call that %s is refused, and nothing of it recorded or sent', async (_what, at, call) => {
  const before = await factsOf('HttpRequestForwarded')
  await expect(callOf(call)).rejects.toMatchObject({ code: 'MESSAGE_INVALID', details: { at } })
  expect(asked).toEqual([])
  expect(await factsOf('HttpRequestForwarded')).toEqual(before)
})

test('an answer is taken up to 8 MiB; beyond that the device is left, and the log has it', async () => {
  expect((await callOf({ path: `/large/${largest}` })).body).toHaveLength(largest)
  const larger = callOf({ path: `/large/${largest + 1}` })
  await expect(larger).rejects.toMatchObject({ code: 'DEVICE_PROTOCOL' })
  await left.at(-1)
  const failed = [{ data: { errorCode: 'DEVICE_PROTOCOL' } }]
  await expect.poll(() => factsOf('HttpExchangeFailed')).toMatchObject(failed)
})
