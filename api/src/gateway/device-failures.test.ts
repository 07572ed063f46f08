import { errorText } from '@travessia/schemas/errors'
import { eventSchemas, type Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorOf, type PageGateway, startPageGateway } from './page-gateway.fixture.ts'

let pages: PageGateway

beforeAll(async () => {
  pages = await startPageGateway()
})

afterAll(() => pages.stop())

test.each(['/short', '/broken-chunks', '/reset'])(
  'a device that ends early (%s) gives a broken answer, never a clean short one',
  async (path) => {
    const opened = await pages.node.open(pages.device)
    const answer = await pages.node.get(opened, path)
    expect([answer.status, answer.isWhole]).toEqual([200, false])
    expect(String(answer.body)).toBe('only this')
    const facts = await pages.node.factsOf(opened.id, 'HttpExchangeFailed')
    expect(facts.at(-1)).toMatchObject({
      type: 'HttpExchangeFailed',
      data: { stage: 'device', errorCode: 'DEVICE_PROTOCOL', responseBytes: 9 },
    })
  },
)

test.each(['/split', '/two-lengths', '/no-http'])(
  'an answer that is not HTTP (%s) is 502 with its code',
  async (path) => {
    const answer = await pages.get(path)
    expect([answer.status, errorOf(answer)]).toEqual([502, 'DEVICE_PROTOCOL'])
    expect(answer.headers['set-cookie']).toBeUndefined()
  },
)

test('a device that nobody reaches is 502, one that does not answer in time 504, each at once readable', async () => {
  const away = await pages.node.open(await pages.node.register({ baseUrl: 'http://127.0.0.1:1' }))
  const refused = await pages.node.get(away, '/', { headers: { accept: 'text/html' } })
  expect([refused.status, errorOf(refused)]).toEqual([502, 'DEVICE_UNREACHABLE'])
  const timeouts = { connectMs: 2_000, firstByteMs: 100, idleMs: 100 }
  const slow = await pages.node.open(await pages.node.register({ timeouts }))
  const late = await pages.node.get(slow, '/silent', { headers: { accept: 'text/html' } })
  expect([late.status, errorOf(late), late.headers['retry-after']]).toEqual([
    504,
    'DEVICE_TIMEOUT',
    '5',
  ])
  for (const [answer, code] of [
    [refused, 'DEVICE_UNREACHABLE'],
    [late, 'DEVICE_TIMEOUT'],
  ] as const) {
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(String(answer.body)).toContain(errorText(code, 'pt-BR'))
    expect(String(answer.body)).toContain(code)
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'")
  }
})

test('a device that falls silent in the middle breaks the answer off after its idle limit', async () => {
  const timeouts = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 100 }
  const slow = await pages.node.open(await pages.node.register({ timeouts }))
  const answer = await pages.node.get(slow, '/stream')
  expect([answer.status, answer.isWhole, String(answer.body)]).toEqual([200, false, 'first'])
  const facts = await pages.node.factsOf(slow.id, 'HttpExchangeFailed')
  expect(facts.at(-1)?.data).toMatchObject({ errorCode: 'DEVICE_TIMEOUT', stage: 'device' })
})

test('an exchange beyond the total limit of its device is 504 before the answer, broken off after it, and a fact', async () => {
  const timeouts = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 5_000, totalMs: 1_000 }
  const limited = await pages.node.open(await pages.node.register({ timeouts }))
  const late = await pages.node.get(limited, '/silent')
  expect([late.status, errorOf(late)]).toEqual([504, 'DEVICE_TIME_LIMIT'])
  const answer = await pages.node.get(limited, '/stream')
  expect([answer.status, answer.isWhole, String(answer.body)]).toEqual([200, false, 'first'])
  const failed = async () =>
    (await pages.node.factsOf(limited.id, 'HttpExchangeFailed')).filter(
      ({ type }) => type === 'HttpExchangeFailed',
    )
  await expect.poll(async () => (await failed()).length).toBe(2)
  for (const { data } of await failed())
    expect(data).toMatchObject({ errorCode: 'DEVICE_TIME_LIMIT', stage: 'device' })
})

test('a device whose agent is offline is 503 at once, as problem details for a script', async () => {
  const device = await pages.node.register()
  const opened = await pages.node.open(device)
  const { id, tenantId, installationId } = device
  const names = Object.keys(eventSchemas.DeviceChanged.properties)
  const known = Object.entries(device).filter(([name]) => names.includes(name))
  const data = { ...Object.fromEntries(known), viaAgent: true } as Fact<'DeviceChanged'>['data']
  const actor = { type: 'user', id: newId() } as const
  const context = { actor, at: new Date().toISOString(), installationId, correlationId: newId() }
  const { position } = await pages.node.parts.store.append({
    ...{ tenantId, streamKind: 'device', streamId: id, expected: 'any' },
    events: [{ ...context, type: 'DeviceChanged', data }],
  })
  await pages.node.parts.views.until(position)
  const answer = await pages.node.get(opened, '/echo', { headers: { accept: 'application/json' } })
  expect(answer.status).toBe(503)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(JSON.parse(String(answer.body))).toMatchObject({ status: 503, code: 'AGENT_MISSING' })
})
