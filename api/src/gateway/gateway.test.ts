import { once } from 'node:events'
import { connect } from 'node:net'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { listen, startGateway } from './gateway.fixture.ts'
import { errorOf, type PageGateway, startPageGateway } from './page-gateway.fixture.ts'

let pages: PageGateway

beforeAll(async () => {
  pages = await startPageGateway()
})

afterAll(() => pages.stop())

test('the head is in the log before the device is asked, the end with lengths and digests after', async () => {
  const opened = await pages.node.open(pages.device)
  await pages.node.get(opened, '/echo?x=1', { method: 'POST', body: 'abc' })
  const facts = await pages.node.factsOf(opened.id, 'HttpResponseReceived')
  expect(facts.map(({ type }) => type)).toEqual([
    ...['SessionRequested', 'SessionOpened', 'HttpRequestForwarded', 'HttpResponseReceived'],
  ])
  expect(facts[2]?.data).toMatchObject({ method: 'POST', path: '/echo?x=1' })
  expect(facts[3]?.data).toMatchObject({
    ...{
      status: 200,
      requestBody: { bytes: 3, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
    },
  })
})

test('a browser that goes away stops the device’s request, and the log says who left', async () => {
  const opened = await pages.node.open(pages.device)
  const socket = connect(pages.node.parts.port, '127.0.0.1')
  socket.write(
    `GET /stream?left HTTP/1.1\r\nHost: ${opened.host}\r\nCookie: ${opened.cookie}\r\n\r\n`,
  )
  await once(socket, 'data')
  socket.destroy()
  const facts = await pages.node.factsOf(opened.id, 'HttpExchangeFailed')
  expect(facts.at(-1)?.data).toMatchObject({ stage: 'browser' })
  await expect.poll(() => pages.cutOff).toContain('/stream?left')
})

test('at its expiry open answers are cut, nothing passes any more, and the log has the end of each in order', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const opened = await pages.node.open(pages.device, { ttlSeconds: 30 })
  const begun = Promise.withResolvers<Buffer>()
  const answering = pages.node.get(opened, '/stream?expiry', { onChunk: begun.resolve })
  await begun.promise
  vi.advanceTimersByTime(30_000)
  const answer = await answering
  expect([answer.isWhole, String(answer.body)]).toEqual([false, 'first'])
  expect((await pages.node.get(opened, '/none')).status).toBe(404)
  const facts = await pages.node.factsOf(opened.id, 'SessionExpired')
  expect(facts.map(({ type }) => type).slice(-3)).toEqual([
    ...['HttpRequestForwarded', 'HttpExchangeFailed', 'SessionExpired'],
  ])
  expect(facts.at(-2)?.data).toMatchObject({
    stage: 'gateway',
    errorCode: 'SESSION_ENDED',
    responseBytes: 5,
  })
  expect(facts.at(-1)?.data).toEqual({
    ...{ reason: 'expiry', totals: { requests: 1, bytesIn: 0, bytesOut: 5 } },
  })
  await expect.poll(() => pages.cutOff).toContain('/stream?expiry')
})

test('use does not extend a session, an extension does', async () => {
  const opened = await pages.node.open(pages.device, { ttlSeconds: 30 })
  const before = pages.node.parts.sessions.find(opened.id)?.expiresAt
  await pages.node.get(opened, '/none')
  expect(pages.node.parts.sessions.find(opened.id)?.expiresAt).toBe(before)
  const context = {
    actor: { type: 'user', id: newId() },
    at: new Date().toISOString(),
    correlationId: newId(),
  } as const
  await pages.node.parts.sessions.extend(
    { tenantId: pages.device.tenantId, id: opened.id },
    { ttlSeconds: 600, context },
  )
  expect(pages.node.parts.sessions.find(opened.id)?.expiresAt).toBeGreaterThan(
    (before ?? 0) + 500_000,
  )
})

test('128 exchanges of a session run at once, the others wait and get their turn', async () => {
  const opened = await pages.node.open(pages.device)
  const held: Array<() => void> = []
  const { server, url } = await listen((_request, response) =>
    held.push(() => response.end('done')),
  )
  const wide = await pages.node.open(await pages.node.register({ baseUrl: url }))
  const answers = Array.from({ length: 140 }, () => pages.node.get(wide, '/held'))
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(128)
  for (let i = 0; i < 140; i += 1) {
    await expect.poll(() => held.length, { timeout: 20_000 }).toBeGreaterThan(0)
    held.shift()?.()
  }
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(
    Array.from({ length: 140 }, () => 200),
  )
  server.close()
  expect((await pages.node.get(opened, '/none')).status).toBe(204)
}, 60_000)

test('with a broken log nothing is forwarded any more', async () => {
  const lone = await startGateway(pages.deviceUrl)
  const strict = await lone.open(await lone.register())
  const relaxed = await lone.open(await lone.register({ recording: 'relaxed' }))
  expect((await lone.get(relaxed, '/none')).status).toBe(204)
  await lone.parts.store.close()
  const before = pages.reached.length
  for (const opened of [strict, relaxed]) {
    const answer = await lone.get(opened, '/echo')
    expect([answer.status, errorOf(answer)]).toEqual([503, 'STORE_UNAVAILABLE'])
  }
  expect(pages.reached.length).toBe(before)
  lone.parts.sessions.stop()
  await lone.parts.gateway.stop()
  await lone.parts.views.stop()
})
