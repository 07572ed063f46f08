import { expect, onTestFinished, test, vi } from 'vitest'
import { startGateway } from './gateway.fixture.ts'

async function setUp() {
  const node = await startGateway('http://127.0.0.1:1')
  onTestFinished(() => node.stop())
  const session = await node.open(await node.register())
  const { id, host, cookie } = session
  const attempts = async () =>
    (await node.factsOf(id)).flatMap(({ type, data, actor }) =>
      type === 'SessionAttempted' ? [[data, actor.type]] : [],
    )
  const send = (path: string, method = 'GET', headers: Record<string, string> = { cookie }) =>
    node.send(host, path, { method, headers })
  return { node, session, attempts, send }
}

test('who is turned away at the address of a session is a fact of it, without what was secret', async () => {
  const { session, attempts, send } = await setUp()
  const enter = new URL(session.url)
  await send(enter.pathname + enter.search, 'GET', {})
  await send('/a?token=segredo', 'GET', {})
  await send('/b', 'POST', { cookie: session.cookie, origin: 'http://foreign.example' })
  await send('/__travessia/port/22/', 'GET')
  await send('/c', 'TRACE')
  const said = [
    ['TICKET_USED', 'GET', enter.pathname],
    ['SESSION_COOKIE_MISSING', 'GET', '/a?token=[redacted]'],
    ['ORIGIN_REFUSED', 'POST', '/b'],
    ['TARGET_FORBIDDEN', 'GET', '/__travessia/port/22/'],
    ['METHOD_NOT_ALLOWED', 'TRACE', '/c'],
  ]
  await expect.poll(attempts).toHaveLength(said.length)
  const facts = (await attempts()) as Array<[Record<string, unknown>, string]>
  for (const [errorCode, method, path] of said)
    expect(facts).toContainEqual([
      expect.objectContaining({
        errorCode,
        method,
        count: 1,
        path: expect.stringContaining(String(path)),
      }),
      'system',
    ])
  expect(JSON.stringify(facts)).not.toContain('segredo')
  expect(JSON.stringify(facts)).not.toContain(enter.searchParams.get('ticket'))
})

test('a page that is not there, or a stranger at no session, is no attempt', async () => {
  const { node, session, attempts, send } = await setUp()
  await send('/__travessia/nothing')
  await node.send(session.host.replace(session.id, 'z'.repeat(26)), '/')
  await send('/a', 'GET', {})
  await expect.poll(attempts).toHaveLength(1)
})

test('many of one kind are one fact a minute, with their number', async () => {
  const { attempts, send } = await setUp()
  for (let n = 0; n < 5; n += 1) await send(`/${n}`, 'GET', {})
  await expect.poll(attempts).toHaveLength(1)
  const later = Date.now() + 60_000
  vi.spyOn(Date, 'now').mockReturnValue(later)
  onTestFinished(() => void vi.restoreAllMocks())
  await send('/later', 'GET', {})
  await expect.poll(attempts).toHaveLength(2)
  expect((await attempts()).at(-1)?.[0]).toMatchObject({ path: '/later', count: 5 })
})
