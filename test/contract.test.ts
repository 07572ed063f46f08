/** What the API promises of every address, method and body, whoever asks. */
import { maxDevices } from '@travessia/schemas/devices'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { head, portOf, sendRaw } from './raw-socket.ts'

const unknownId = 'z'.repeat(26)
const login = { login: 'a', password: 'b' }
let node: BareNode
let admin: Api
let site: Item
let device: Item

beforeAll(async () => {
  node = await startBareNode()
  admin = node.admin
  site = (await admin.call<Item>('POST', '/api/installations', { name: 'Matriz' })).body
  const baseUrl = 'http://10.0.0.5'
  device = await registerDevice(admin, site.id, { name: 'Página', baseUrl, credentials: login })
})

afterAll(async () => {
  await node?.stop()
})

type Answer = { readonly status: number; readonly body: Record<string, unknown> }
const outcome = ({ status, body }: Answer) => [status, body['code'], body['at']]

test.each([
  'POST /api/nothing',
  'PUT /api/auth/me',
  'DELETE /api/installations',
  'OPTIONS /api/auth/me',
  'POST /',
])('%s, which there is not, is 404 for whoever is signed in and for nobody', async (line) => {
  const [method = '', path = ''] = line.split(' ')
  for (const as of [admin, new Api(node.httpUrl)]) {
    const answer = await as.call(method, path, method === 'POST' ? {} : undefined)
    expect(outcome(answer)).toEqual([404, 'NOT_FOUND', undefined])
  }
})

test.each([
  ['/api/%', 400, 'REQUEST_INVALID'],
  ['/docs/nothing', 404, 'NOT_FOUND'],
])('%s is refused with problem details', async (path, status, code) => {
  const { text } = await sendRaw(portOf(node.httpUrl), head(`GET ${path} HTTP/1.1`, 'localhost'))
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(text).toMatch(/content-type: application\/problem\+json/i)
  expect(text).toContain(`"code":"${code}"`)
})

test('HEAD is answered where GET is, and not by a stream without an end', async () => {
  const statusOf = async (path: string) => (await admin.call('HEAD', path)).status
  expect(await statusOf('/api/auth/me')).toBe(200)
  expect(await statusOf('/api/events')).toBe(404)
  expect(await statusOf(`/api/devices/${device.id}/camera/stream`)).toBe(404)
})

test('a session’s address on the app’s host leads to the remote host whole', async () => {
  const path = `/remote/s/${unknownId}/__travessia/enter?ticket=a&b=%2F`
  const { status, headers } = await admin.call('GET', path)
  expect([status, headers.get('location')]).toEqual([302, node.remoteUrl + path])
})

test.each([
  ['credentials', ''],
  ['credentials', false],
  ['credentials', { login: 1, password: 'b' }],
  ['viaAgent', null],
  ['viaAgent', 0],
  ['viaAgent', 'false'],
  ['name', 5],
  ['name', ['x']],
  ['maxConcurrent', '7'],
  ['targets', [{ port: '80' }]],
])('a device whose %s becomes %j stays as it was', async (field, value) => {
  const path = `/api/devices/${device.id}`
  const before = await admin.get(path)
  expect((await admin.call('PATCH', path, { [field]: value })).status).toBe(400)
  expect(await admin.get(path)).toEqual(before)
})

test('what is dangerous is confirmed by true and nothing like it', async () => {
  const members = await admin.get<{ items: Item[] }>('/api/users')
  for (const confirm of ['true', 1, [true]])
    expect(
      outcome(await admin.call('POST', `/api/users/${members.items[0]?.id}/erase`, { confirm })),
    ).toEqual([400, 'MESSAGE_INVALID', '/confirm'])
})

test('what stands in the way of an installation’s end, or of the last administrator’s, is said', async () => {
  const ofSite = await admin.call('DELETE', `/api/installations/${site.id}`)
  expect(outcome(ofSite)).toEqual([409, 'INSTALLATION_IN_USE', undefined])
  const me = await admin.get<Item>('/api/auth/me')
  for (const body of [{ role: 'auditor' }, { disabled: true }, { installationIds: [site.id] }])
    expect(outcome(await admin.call('PATCH', `/api/users/${me.id}`, body))).toEqual([
      ...[409, 'LAST_ADMIN', undefined],
    ])
})

test.each([
  ['events', 'from'],
  ['sessions', 'activeAt'],
  ['state', 'at'],
])('a time that is none (of audit %s) is named as it was asked', async (list, field) => {
  const answer = await admin.call('GET', `/api/audit/${list}?${field}=2016-12-31T23:59:60Z`)
  expect(outcome(answer)).toEqual([400, 'MESSAGE_INVALID', `/${field}`])
})

test.each(['x', '0'])(
  'an export from %s, which is no place, is refused before it begins',
  async (cursor) => {
    for (const format of ['jsonl', 'csv', 'bundle']) {
      const answer = await admin.call('GET', `/api/audit/export?format=${format}&cursor=${cursor}`)
      expect(outcome(answer)).toEqual([400, 'MESSAGE_INVALID', '/cursor'])
    }
  },
)

test('a place no log reaches, a time that is none and base64 that is none are named', async () => {
  const far = await admin.call('GET', '/api/audit/state?position=9007199254740993')
  expect(outcome(far)).toEqual([400, 'MESSAGE_INVALID', '/position'])
  const path = `/api/devices/${device.id}`
  const past = await admin.call('GET', `${path}/history?to=2016-12-31T23:59:60Z`)
  expect(outcome(past)).toEqual([400, 'MESSAGE_INVALID', '/to'])
  for (const body of ['!!!', 'AAAAA', { a: 1 }, 5]) {
    const call = { method: 'POST', path: '/', body, bodyEncoding: 'base64' }
    const sent = await admin.call('POST', `${path}/proxy-http`, call)
    expect(outcome(sent)).toEqual([400, 'MESSAGE_INVALID', '/body'])
  }
})

test('a wrong argument of a command is named by its place in the body', async () => {
  const gate = {
    name: 'Catraca',
    kind: 'turnstile',
    driver: 'control-id',
    baseUrl: 'http://10.0.0.6',
  }
  const { id } = await registerDevice(admin, site.id, gate)
  const body = { command: 'OpenGate', args: { direction: 'up' } }
  const answer = await admin.call('POST', `/api/devices/${id}/commands`, body)
  expect(outcome(answer)).toEqual([400, 'MESSAGE_INVALID', '/args/direction'])
})

test('an installation takes as many devices as its agent does, and not one more', async () => {
  const { body } = await admin.call<Item>('POST', '/api/installations', { name: 'Cheia' })
  const http = { kind: 'http', driver: 'http', baseUrl: 'http://10.0.0.7', viaAgent: true }
  const register = (name: string) =>
    admin.call('POST', `/api/installations/${body.id}/devices`, { name, ...http })
  for (let n = 0; n < maxDevices; n += 20) {
    const some = Array.from({ length: 20 }, (_, i) => register(`Página ${n + i}`))
    for (const { status } of await Promise.all(some)) expect(status).toBe(201)
  }
  expect(outcome(await register('Mais uma'))).toEqual([409, 'DEVICE_LIMIT', undefined])
  const devices = await admin.get<{ items: Item[] }>(`/api/installations/${body.id}/devices`)
  expect((await admin.call('DELETE', `/api/devices/${devices.items[0]?.id}`)).status).toBe(204)
  expect((await register('Mais uma')).status).toBe(201)
})

/** The first bytes of a live stream that say where it begins. */
async function opened(query: string, lastEventId?: string): Promise<string> {
  const abort = new AbortController()
  const headers = { authorization: `Bearer ${admin.token}` }
  const response = await fetch(`${node.httpUrl}/api/events${query}`, {
    headers: { ...headers, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
    signal: abort.signal,
  })
  let text = ''
  // A fact, so that there is something to hear.
  const change = admin.call('PATCH', `/api/installations/${site.id}`, {
    customer: String(Math.random()),
  })
  for await (const chunk of response.body ?? []) {
    text += new TextDecoder().decode(chunk)
    if (text.includes('InstallationChanged')) break
  }
  abort.abort()
  await change
  return text
}

test('a live stream from beyond the log says reset, and then what happens', async () => {
  for (const [query, id] of [['?after=999999999'], ['', '999999999']] as const)
    expect(await opened(query, id)).toMatch(/event: reset\nid: \d+\n.*InstallationChanged/s)
})

test('a live stream without a last event begins now, and with one after it', async () => {
  const { items } = await admin.get<{ items: Array<{ position: number }> }>('/api/audit/events')
  const position = items[0]?.position ?? 0
  for (const [query, id] of [[''], ['', ''], ['', '0x1']] as const) {
    const text = await opened(query, id)
    expect(text).not.toContain('reset')
    expect(text).not.toContain(`id: ${position}\n`)
  }
  for (const [query, id] of [['', `${position - 1}`], [`?after=${position - 1}`]] as const)
    expect(await opened(query, id)).toContain(`id: ${position}\n`)
})

test('one person has so many live streams at once, and another when one has ended', async () => {
  const headers = { authorization: `Bearer ${admin.token}` }
  const ends = Array.from({ length: 64 }, () => new AbortController())
  const ask = (signal: AbortSignal) => fetch(`${node.httpUrl}/api/events`, { headers, signal })
  const all = await Promise.all(ends.map(({ signal }) => ask(signal)))
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
  const { status } = await admin.call('GET', '/api/events')
  expect(status).toBe(429)
  ends[0]?.abort()
  const one = new AbortController()
  await eventually(async () => (await ask(one.signal)).status === 200, { what: 'another stream' })
  for (const end of [one, ...ends]) end.abort()
})

test('an address that asks too much is told so, and may still order', async () => {
  const ask = () => admin.call('GET', '/api/auth/me')
  let status = 200
  while (status === 200)
    status = Math.max(
      ...(await Promise.all(Array.from({ length: 50 }, ask))).map((one) => one.status),
    )
  expect(status).toBe(429)
  const url = `/api/devices/${device.id}/commands`
  const order = { command: 'EmergencyStop' }
  expect(outcome(await admin.call('POST', url, order))).not.toContain(429)
  expect(outcome(await ask())).toEqual([429, 'RATE_LIMITED', undefined])
})
