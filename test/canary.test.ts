/**
 * Secrets that went through every door are then looked for in every file that the node and its agents keep, and in
 * what the log gives out: none may be there in clear text. `config.json` is each
 * agent's own key file, mode 0600.
 */
import { relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf, unended } from '../rig/api.ts'
import { dataFiles } from '../rig/data-files.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { OwnDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'

const device = new OwnDevice()
const mark = `canary${Date.now().toString(36)}`
/** What it is → the text that must not be found. */
const secrets = new Map<string, string>()
let stack: Stack
let admin: Api
let auditor: Api
let agent: OwnAgent
let sessionId: string

beforeAll(async () => {
  stack = await startStack()
  admin = await new Api(stack.httpUrl).signIn('admin@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  agent = await startOwnAgent(stack, admin, 'Canário')
  await throughEveryDoor(await device.start())
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await stack?.stop()
})

/** Keeps a secret to be looked for later. */
function secret(what: string, text = `${mark}-${secrets.size}-${what.replace(/\W/g, '')}`): string {
  secrets.set(what, text)
  return text
}

async function throughEveryDoor(baseUrl: string): Promise<void> {
  await people()
  const credentials = { login: 'operador', password: secret('device password') }
  const item = await registerDevice(admin, agent.installationId, {
    ...{ name: 'X', baseUrl, credentials, capture: 'bodies' },
  })
  const codes = `/api/installations/${agent.installationId}/agent/pairing-codes`
  const { body } = await admin.call<{ code: string }>('POST', codes)
  secret('pairing code', body.code)
  secret('pairing code without dash', body.code.replace('-', ''))
  const opened = await admin.call<{ url: string }>('POST', `/api/devices/${item.id}/sessions`)
  secret('ticket', new URL(opened.body.url).searchParams.get('ticket') ?? '')
  await fetchPage(opened.body.url)
  await fetchPage(opened.body.url)
  const at = await enterSession(admin, item.id)
  sessionId = at.sessionId
  secret('session cookie', at.cookie.split('=')[1])
  await throughSession(at)
  await admin.call('POST', `/api/devices/${item.id}/proxy-http`, {
    ...{
      method: 'POST',
      path: `/echo?token=${secret('proxy query')}`,
      body: { pin: secret('proxy body') },
    },
    headers: {
      authorization: `Bearer ${secret('proxy authorization')}`,
      cookie: secret('proxy cookie'),
    },
  })
  // None of them is left to be written while it is looked for.
  const isWritten = async () => unended(await factsOf(auditor, '&kind=session')).length === 0
  await eventually(isWritten, { what: 'an end of each request' })
}

/** Registering, signing in, failing to, with passwords and cookies. */
async function people(): Promise<void> {
  const api = new Api(stack.httpUrl)
  const email = `pessoa${Date.now()}@canario.example`
  const password = secret('password')
  const made = await api.call('POST', '/api/auth/register', {
    email,
    password,
    tenantName: 'Canário',
  })
  expect(made.status).toBe(201)
  secret('user token', String(made.body['token']))
  secret(
    'sign-in cookie',
    /__Host-travessia=([^;]+)/.exec(made.headers.get('set-cookie') ?? '')?.[1],
  )
  await api.call('POST', '/api/auth/login', { email, password: secret('wrong password') })
  await api.call('POST', `/api/auth/login?password=${secret('password in a query')}`, {
    email,
    password,
  })
  await api.call('GET', '/api/installations', undefined, {
    authorization: `Bearer ${secret('wrong token')}`,
  })
  await api.call('POST', '/api/agents/pair', { code: 'BCDF-GHJK', secret: secret('unknown field') })
  await api.call('POST', '/api/users', `{"password":"${secret('broken JSON')}`)
}

async function throughSession({ base, cookie }: { base: string; cookie: string }): Promise<void> {
  const send = (path: string, headers: Record<string, string> = {}, body?: string) =>
    fetchPage(base + path, {
      method: 'POST',
      headers: { cookie, ...headers },
      ...(body ? { body } : {}),
    })
  const basic = Buffer.from(`admin:${secret('basic password')}`).toString('base64')
  secret('basic header', basic)
  await send('/basic', { authorization: `Basic ${basic}` })
  await send('/echo', { cookie: `${cookie}; session=${secret('device cookie')}` })
  for (const name of ['session', 'password', 'access_token', 'api_key', 'senha', 'PIN'])
    await send(`/echo?x=1&${name}=${secret(`query ${name}`)}`)
  await send('/echo', { 'x-api-key': secret('api key'), 'x-auth-token': secret('token header') })
  await send('/echo', {}, JSON.stringify({ login: 'a', password: secret('body') }))
  await send('/echo', {}, JSON.stringify({ deep: [{ tokens: { any: secret('deep in a body') } }] }))
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  await send('/echo', form, `user=a&senha=${secret('form')}&x=1`)
  await send('/echo', {}, `see http://admin:${secret('user of a URL')}@device/`)
  device.cookie = secret('device set-cookie')
  await send('/sign-in')
  await send('/echo', { referer: `${base}/x?token=${secret('referer')}` })
}

test('none of them is in any file of the data directory', async () => {
  expect((await factsOf(auditor, `&sessionId=${sessionId}`)).length).toBeGreaterThan(20)
  const files = dataFiles(stack.dataDir).filter(({ path }) => !/config\.json$/.test(path))
  const names = files.map(({ path }) => relative(stack.dataDir, path))
  expect(names).toEqual(
    expect.arrayContaining(['events.db', 'views.db', 'secrets.db', 'demo/node.log']),
  )
  const found = files.flatMap(({ path, bytes }) =>
    [...secrets].filter(([, text]) => bytes.includes(text)).map(([what]) => `${what} in ${path}`),
  )
  expect(found).toEqual([])
})

test('none of them is in what the log gives out, though each request is there', async () => {
  const exported = await auditor.call<string>('GET', '/api/audit/export?format=jsonl')
  const all = exported.body + JSON.stringify(await factsOf(auditor, `&sessionId=${sessionId}`))
  expect([...secrets].filter(([, text]) => all.includes(text)).map(([what]) => what)).toEqual([])
  expect(all).toContain('/echo?x=1&session=[redacted]')
  expect(all).toContain('/basic')
})

type Body = { readonly ref?: string; readonly leftOut?: string }
type Answered = {
  readonly streamId: string
  readonly data: { readonly requestBody: Body; readonly responseBody: Body }
}

test('none of them is in any body that is kept, though each body is there', async () => {
  const list = async (query: string) =>
    (
      await auditor.get<{ items: Answered[] }>(
        `/api/audit/events?type=HttpResponseReceived${query}`,
      )
    ).items
  const proxied = (await list('&limit=200')).filter(({ streamId }) => streamId !== sessionId)
  const kept: string[] = []
  const read = new Set<string>()
  for (const { streamId, data } of [
    ...(await list(`&sessionId=${sessionId}&limit=200`)),
    ...proxied,
  ])
    for (const { ref, leftOut } of [data.requestBody, data.responseBody]) {
      expect(leftOut).toBeUndefined()
      if (ref === undefined) continue
      const place = streamId === sessionId ? 'sessions' : 'requests'
      const path = `/api/audit/${place}/${streamId}/bodies/${ref}`
      const answer = await auditor.call<string>('GET', path)
      expect([path, answer.status]).toEqual([path, 200])
      read.add(streamId)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        ...{ 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' },
        ...{ 'x-content-type-options': 'nosniff' },
        'content-security-policy': expect.stringContaining('sandbox'),
      })
      kept.push(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
      const elsewhere = `/api/audit/requests/${'0'.repeat(26)}/bodies/${ref}`
      expect((await auditor.call('GET', elsewhere)).status).toBe(404)
    }
  // Of each session and request one fact, however many bodies it has, and none of what was not given out.
  const recorded = (await factsOf(auditor, '&type=AuditQueried'))
    .filter(({ data }) => data['list'] === 'body')
    .map(({ data }) => Object.values(data['filter'] as object).join())
  expect(recorded.toSorted()).toEqual([...read].toSorted())
  const all = kept.join('\n')
  expect([...secrets].filter(([, text]) => all.includes(text)).map(([what]) => what)).toEqual([])
  for (const text of ['"login":"a","password":"[redacted]"', 'user=a&senha=[redacted]&x=1'])
    expect(all).toContain(text)
  expect(all).toContain('{"pin":"[redacted]"}')
})

test('nothing gives device credentials back, not even to an admin', async () => {
  const list = await admin.call('GET', `/api/installations/${agent.installationId}/devices`)
  expect(JSON.stringify(list.body)).not.toContain(secrets.get('device password'))
  expect(JSON.stringify(list.body)).toContain('"hasCredentials":true')
})

test('key files and databases are for their owner only', () => {
  const files = dataFiles(stack.dataDir).filter(({ path }) =>
    /config\.json$|-key$|\.db(-wal|-shm)?$/.test(path),
  )
  expect(files.length).toBeGreaterThanOrEqual(4)
  for (const { path, mode } of files) expect([path, mode & 0o077]).toEqual([path, 0])
})
