import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorOf, type PageGateway, startPageGateway } from './page-gateway.fixture.ts'

let pages: PageGateway

beforeAll(async () => {
  pages = await startPageGateway()
})

afterAll(() => pages.stop())

test('a ticket opens the session once; the second use is 410 without a cookie', async () => {
  const fresh = await pages.node.open(pages.device)
  const { host, pathname, search } = new URL(fresh.url)
  expect(fresh.cookie).toMatch(/^__Host-travessia-session=[\w-]{43}$/)
  const again = await pages.node.send(host, `${pathname}${search}`)
  expect(again.status).toBe(410)
  expect(again.headers['set-cookie']).toBeUndefined()
  expect(errorOf(again)).toBe('TICKET_USED')
})

test('the entry sets a host-only cookie that scripts cannot read, and leads to the root', async () => {
  const { id, host } = await pages.node.open(pages.device)
  const ticket = pages.node.parts.secrets.newTicket(id)
  const answer = await pages.node.send(host, `/__travessia/enter?ticket=${ticket}`)
  expect(answer.status).toBe(303)
  expect(answer.headers.location).toBe('/')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.headers['set-cookie']?.[0]).toMatch(
    /^__Host-travessia-session=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  )
})

test('the id in the address is not enough: without the cookie, or with another one, nothing reaches the device', async () => {
  const before = pages.reached.length
  const other = await pages.node.open(pages.device)
  for (const cookie of ['', 'a=b', '__Host-travessia-session=wrong', other.cookie]) {
    const answer = await pages.node.send(pages.session.host, '/echo', { headers: { cookie } })
    expect(answer.status).toBe(403)
    expect(errorOf(answer)).toBe('SESSION_COOKIE_MISSING')
  }
  expect(pages.reached.length).toBe(before)
})

test('the same request is refused from the moment that its cookie is no more the session’s', async () => {
  const one = await pages.node.open(pages.device)
  for (let i = 0; i < 2; i += 1) expect((await pages.node.get(one, '/echo')).status).toBe(200)
  pages.node.parts.secrets.forget(one.id)
  expect(errorOf(await pages.node.get(one, '/echo'))).toBe('SESSION_COOKIE_MISSING')
})

test.each(['unknown', 'bad', 'ended'])('a %s session host is 404', async (kind) => {
  const ended = await pages.node.open(pages.device)
  await pages.node.parts.sessions.close(ended.id)
  const id = kind === 'unknown' ? newId() : kind === 'bad' ? 'x' : ended.id
  const host = `${id}.remote.localhost:${pages.node.parts.port}`
  const answer = await pages.node.send(host, '/echo', { headers: { cookie: ended.cookie } })
  expect(answer.status).toBe(404)
  expect(errorOf(answer)).toBe('SESSION_ENDED')
})

test('what a session left in its own host is cleared once it has ended', async () => {
  const ended = await pages.node.open(pages.device)
  await pages.node.parts.sessions.close(ended.id)
  const answer = await pages.node.get(ended, '/')
  expect(answer.headers['clear-site-data']).toContain('"storage"')
  const path = await pages.node.open(pages.device, { mode: 'path' })
  await pages.node.parts.sessions.close(path.id)
  expect((await pages.node.get(path, '/')).headers['clear-site-data']).toBeUndefined()
})

test('a session of one mode is not found at the other mode’s address', async () => {
  const path = await pages.node.open(pages.device, { mode: 'path' })
  const host = `${path.id}.remote.localhost:${pages.node.parts.port}`
  const asHost = await pages.node.send(host, '/none', { headers: { cookie: path.cookie } })
  expect(asHost.status).toBe(404)
})
