/** Feeds of the audit into another system, as an administrator makes them and as a receiver sees them. */
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { factsOf, type Item } from '../rig/api.ts'
import { dataFiles } from '../rig/data-files.ts'
import { eventually } from '../rig/eventually.ts'
import { root } from '../rig/processes.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { addPeople, type People } from './people.ts'

const feedsPath = '/api/audit/feeds'
const key = 'chave-do-receptor'
const servers: Server[] = []
let node: BareNode
let people: People

beforeAll(async () => {
  node = await startBareNode({ TRAVESSIA_DEMO: '1' })
  const site = await node.admin.call<Item>('POST', '/api/installations', { name: 'Matriz' })
  people = await addPeople(node, site.body.id)
})
afterEach(async () => {
  const { items } = await node.admin.get<{ items: Feed[] }>(feedsPath)
  for (const { id } of items) await node.admin.call('DELETE', `${feedsPath}/${id}`)
  for (const server of servers.splice(0)) server.close()
})
afterAll(() => node?.stop())

type Feed = Item & {
  readonly host: string
  readonly lastError: string | null
  readonly position: number
}
type Taken = { readonly headers: IncomingMessage['headers']; readonly body: string; path: string }

async function receiver(head: readonly [number, Record<string, string>?] = [200]) {
  const taken: Taken[] = []
  const server = createServer(async (request, response) => {
    taken.push({ headers: request.headers, body: await text(request), path: request.url ?? '' })
    response.writeHead(...head).end()
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/in?key=${key}`, host: `127.0.0.1:${port}`, taken }
}

async function add(url: string): Promise<Feed & { secret: string | null }> {
  const body = { name: 'SIEM', url }
  const added = await node.admin.call<Feed & { secret: string }>('POST', feedsPath, body)
  expect(added.status).toBe(201)
  return added.body
}

const feedOf = async (id: string) =>
  (await node.admin.get<{ items: Feed[] }>(feedsPath)).items.find((feed) => feed.id === id)
const typesOf = (taken: readonly Taken[]) =>
  taken.flatMap(({ body }) =>
    body
      .trimEnd()
      .split('\n')
      .map((line) => String((JSON.parse(line) as Item)['type'])),
  )
const changeSomething = () =>
  node.admin.call('POST', '/api/installations', { name: `Sede ${Math.random()}` })

test('an administrator of all installations has feeds; nobody else reads, adds, changes, tries or removes one', async () => {
  const { url } = await receiver()
  const { id } = await add(url)
  const calls = [
    ['GET', feedsPath],
    ['POST', feedsPath, { name: 'X', url }],
    ['PATCH', `${feedsPath}/${id}`, { name: 'X' }],
    ['POST', `${feedsPath}/${id}/test`],
    ['DELETE', `${feedsPath}/${id}`],
  ] as const
  const { manager, operator, auditor, narrowed, foreign } = people
  for (const [method, path, body] of calls) {
    for (const one of [manager, operator, auditor])
      expect((await one.call(method, path, body)).status).toBe(403)
    const isOne = path.includes(id)
    expect((await narrowed.call(method, path, body)).status).toBe(isOne ? 404 : 403)
    if (isOne) expect((await foreign.call(method, path, body)).status).toBe(404)
    const unknown = path.replace(id, 'z'.repeat(26))
    if (isOne) expect((await node.admin.call(method, unknown, body)).status).toBe(404)
  }
  expect(await foreign.get(feedsPath)).toEqual({ items: [] })
  expect(await feedOf(id)).toMatchObject({ name: 'SIEM' })
})

const plain = 'http://127.0.0.1:1/'
test.each([
  ['nothing', {}, 400, 'MESSAGE_INVALID'],
  ['no address', { name: 'X' }, 400, 'MESSAGE_INVALID'],
  ['a blank name', { name: ' ', url: plain }, 400, 'MESSAGE_INVALID'],
  ['a long name', { name: 'x'.repeat(81), url: plain }, 400, 'MESSAGE_INVALID'],
  ['a secret of its own', { name: 'X', url: plain, secret: 'x' }, 400, 'MESSAGE_INVALID'],
  ['a long address', { name: 'X', url: plain + 'x'.repeat(1_000) }, 400, 'MESSAGE_INVALID'],
  ['a large body', { name: 'X', url: 'x'.repeat(70_000) }, 413, 'REQUEST_TOO_LARGE'],
  ['a password in it', { name: 'X', url: 'http://a:b@127.0.0.1/' }, 400, 'FEED_ADDRESS'],
  ['metadata', { name: 'X', url: 'http://169.254.169.254/latest' }, 400, 'FEED_ADDRESS'],
  ['another scheme', { name: 'X', url: 'gopher://127.0.0.1/' }, 400, 'FEED_ADDRESS'],
])('a feed with %s is refused and leaves nothing', async (_, body, status, code) => {
  const refused = await node.admin.call('POST', feedsPath, body)
  expect([refused.status, refused.body['code']]).toEqual([status, code])
  expect(await node.admin.get(feedsPath)).toEqual({ items: [] })
})

test('a fifth feed is refused until one of the four is removed', async () => {
  const { url } = await receiver()
  const [first] = await Promise.all([add(url), add(url)])
  await add(url)
  await add(url)
  const more = () => node.admin.call('POST', feedsPath, { name: 'V', url })
  expect((await more()).body['code']).toBe('FEED_LIMIT')
  await node.admin.call('DELETE', `${feedsPath}/${first?.id}`)
  expect((await more()).status).toBe(201)
})

test('of eight that are added at once four are', async () => {
  const { url } = await receiver()
  const body = { name: 'SIEM', url }
  const added = await Promise.all(
    Array.from({ length: 8 }, () => node.admin.call('POST', feedsPath, body)),
  )
  const statuses = added.map(({ status }) => status).toSorted()
  expect(statuses).toEqual([201, 201, 201, 201, 409, 409, 409, 409])
})

test('the secret is shown once and signs what is sent; the address is nowhere in clear text', async () => {
  const { url, host, taken } = await receiver()
  const { secret, ...feed } = await add(url)
  expect(secret).toMatch(/^whsec_[\w+/]{43}=$/)
  expect(feed).toMatchObject({ kind: 'webhook', host, isEnabled: true })
  await eventually(async () => typesOf(taken).includes('AuditFeedAdded'))
  for (const { headers, body, path } of taken) {
    expect(path).toBe(`/in?key=${key}`)
    const mac = createHmac('sha256', Buffer.from(String(secret).slice(6), 'base64'))
    mac.update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
    expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')}`)
  }
  const said = [
    JSON.stringify(await node.admin.get(feedsPath)),
    JSON.stringify(await factsOf(node.admin)),
    ...dataFiles(node.dataDir).map(({ bytes }) => bytes.toString('latin1')),
  ]
  expect(said.filter((one) => one.includes(key) || one.includes(String(secret)))).toEqual([])
})

/** What the Python of docs/siem.md says of a request. */
function isOurs(secret: string, { headers, body }: Taken): boolean {
  const document = readFileSync(join(root, 'docs/siem.md'), 'utf8')
  const [, code = ''] = /```python\n([\s\S]*?)```/.exec(document) ?? []
  const given = 'secret, headers, body = json.load(sys.stdin)'
  const asked = `import base64, hmac, json, sys, time\n${code}\n${given}\nprint(is_ours(secret, headers, body.encode()))`
  const input = JSON.stringify([secret, headers, body])
  return String(execFileSync('python3', ['-c', asked], { input })) === 'True\n'
}

test('the example of a check in the documentation takes what was sent, and nothing that was changed or is old', async () => {
  const { url, taken } = await receiver()
  const { secret } = await add(url)
  await eventually(async () => taken.length > 0)
  const [one] = taken as [Taken]
  expect(isOurs(`${secret}`, one)).toBe(true)
  expect(isOurs(`${secret}`, { ...one, body: one.body.replace('SIEM', 'SIEN') })).toBe(false)
  expect(isOurs(`whsec_${Buffer.alloc(32).toString('base64')}`, one)).toBe(false)
  const old = String(Number(one.headers['webhook-timestamp']) - 301)
  const mac = createHmac('sha256', Buffer.from(`${secret}`.slice(6), 'base64'))
  mac.update(`${one.headers['webhook-id']}.${old}.${one.body}`)
  const signed = `v1,${mac.digest('base64')}`
  const headers = { ...one.headers, 'webhook-timestamp': old, 'webhook-signature': signed }
  expect(isOurs(`${secret}`, { ...one, headers })).toBe(false)
})

test('a changed address is used from then on, a suspended feed waits, a removed one is silent', async () => {
  const [one, other, beside] = [await receiver(), await receiver(), await receiver()]
  await add(beside.url)
  const { id } = await add(one.url)
  await eventually(async () => one.taken.length > 0)
  const patch = (body: object) => node.admin.call<Feed>('PATCH', `${feedsPath}/${id}`, body)
  expect((await patch({})).status).toBe(400)
  expect((await patch({ url: 'syslog+tcp://127.0.0.1:1' })).body['code']).toBe('FEED_ADDRESS')
  expect((await patch({ url: 'http://8.8.8.8/' })).body['code']).toBe('FEED_ADDRESS')
  expect((await patch({ url: other.url, name: 'Novo' })).body).toMatchObject({ host: other.host })
  await eventually(async () => typesOf(other.taken).includes('AuditFeedChanged'))
  const created = ({ taken }: { readonly taken: readonly Taken[] }) =>
    typesOf(taken).filter((type) => type === 'InstallationCreated').length
  await patch({ isEnabled: false })
  await changeSomething()
  await eventually(async () => created(beside) === 1)
  expect(created(other)).toBe(0)
  await patch({ isEnabled: true })
  await eventually(async () => created(other) === 1)
  expect((await node.admin.call('DELETE', `${feedsPath}/${id}`)).status).toBe(204)
  await changeSomething()
  await eventually(async () => created(beside) === 2)
  expect([one, other].map(created)).toEqual([0, 1])
})

test('a test is an event that arrives, at once even where nothing arrived before', async () => {
  const { url } = await receiver([503])
  const { id } = await add(url)
  await eventually(async () => (await feedOf(id))?.lastError === 'FEED_REFUSED')
  const good = await receiver()
  await node.admin.call('PATCH', `${feedsPath}/${id}`, { url: good.url })
  const tested = await node.admin.call<{ position: number }>('POST', `${feedsPath}/${id}/test`)
  expect(tested.status).toBe(202)
  await eventually(async () => ((await feedOf(id))?.position ?? 0) >= tested.body.position)
  expect(typesOf(good.taken)).toContain('AuditFeedTested')
  expect(await feedOf(id)).toMatchObject({ lastError: null })
  await node.admin.call('PATCH', `${feedsPath}/${id}`, { isEnabled: false })
  const suspended = await node.admin.call('POST', `${feedsPath}/${id}/test`)
  expect(suspended.body['code']).toBe('CONFLICT')
})

/** Positions, as who ships whole lines reads them. */
function shipped({ host }: Feed): number[] {
  const folder = join(node.dataDir, String(host))
  const names = readdirSync(folder).toSorted()
  // What follows the last line's end is being written.
  const linesOf = (name: string) =>
    readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)
  return names.flatMap(linesOf).map((line) => (JSON.parse(line) as Feed).position)
}

test('a feed into files misses nothing over kills at any moment, and every line is whole', async () => {
  const file = await add('file:')
  expect(file).toMatchObject({
    kind: 'file',
    secret: null,
    host: `feeds/${file.host.split('/')[1]}/${file.id}`,
  })
  for (let kills = 0; kills < 5; kills += 1) {
    const writing = Array.from({ length: 40 }, () => changeSomething().catch(() => undefined))
    await new Promise((done) => setTimeout(done, 40 * kills))
    await node.restart('SIGKILL')
    await Promise.all(writing)
  }
  const { body } = await node.admin.call<{ position: number }>(
    'POST',
    `${feedsPath}/${file.id}/test`,
  )
  await eventually(async () => shipped(file).includes(body.position))
  const positions = shipped(file)
  const all = await everything(positions[0] ?? 0, body.position)
  expect([...new Set(positions)]).toEqual(all)
}, 120_000)

/** Positions of the whole log between these. */
async function everything(first: number, last: number): Promise<number[]> {
  const exported = await node.admin.call<string>('GET', '/api/audit/export?format=jsonl')
  return String(exported.body)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Feed).position)
    .filter((position) => position >= first && position <= last)
    .toReversed()
}

test('a redirect, whereto ever, is not followed, and the feed says that it was refused', async () => {
  const inside = await receiver()
  const { url } = await receiver([307, { location: inside.url }])
  const { id } = await add(url)
  await eventually(async () => (await feedOf(id))?.lastError === 'FEED_REFUSED')
  expect(inside.taken).toEqual([])
})

test('outside the demo a feed reaches no address of the own machine or network, by whatever name', async () => {
  const { url, taken } = await receiver()
  const own = await startBareNode()
  try {
    const port = new URL(url).port
    const refused = ['http://127.0.0.1', 'https://127.0.0.1', 'https://[::1]', 'https://10.0.0.1']
    for (const origin of [...refused, 'https://169.254.169.254', 'https://[::ffff:7f00:1]']) {
      const body = { name: 'X', url: `${origin}:${port}/` }
      expect((await own.admin.call('POST', feedsPath, body)).body['code']).toBe('FEED_ADDRESS')
    }
    const body = { name: 'X', url: `https://localhost:${port}/` }
    expect((await own.admin.call('POST', feedsPath, body)).status).toBe(201)
    await eventually(async () => {
      const { items } = await own.admin.get<{ items: Feed[] }>(feedsPath)
      return items[0]?.lastError === 'FEED_ADDRESS'
    })
    expect(taken).toEqual([])
  } finally {
    await own.stop()
  }
})
