/** Whose address a connection counts for, behind a proxy and without one. */
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { accepts, local, openWebSocket, start } from './listeners.fixture.ts'

const viaProxy = { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'] }

test('behind a trusted proxy the sockets are counted per client, and given back at their end', async () => {
  const { wsPort } = await start({ ...viaProxy, maxSocketsPerIp: 2 })
  const from = (address: string) => openWebSocket(wsPort, { 'x-forwarded-for': address })
  const first = await from('198.51.100.7')
  await from('198.51.100.7')
  expect((await from('198.51.100.7')).readyState).not.toBe(WebSocket.OPEN)
  expect((await from('198.51.100.8')).readyState).toBe(WebSocket.OPEN)
  first.terminate()
  await vi.waitFor(
    async () => expect((await from('198.51.100.7')).readyState).toBe(WebSocket.OPEN),
    { timeout: 20_000 },
  )
})

test.each([
  ['the client of the one proxy', '198.51.100.7', '198.51.100.7'],
  ['the client behind a chain of trusted proxies', '198.51.100.7, 10.1.2.3', '198.51.100.7'],
  [
    'the nearest untrusted, whatever it says of others',
    '1.1.1.1, 203.0.113.9, 10.1.2.3',
    '203.0.113.9',
  ],
  ['an address of version 6', '2001:db9::1, 2001:db8::5', '2001:db9::1'],
  ['a mapped address in its plain form', '::ffff:198.51.100.7', '198.51.100.7'],
  ['the proxy, when it names no address', 'unknown', local],
  ['the proxy, when the nearest is no address', '6.6.6.6, junk', local],
  ['the proxy, when there is no header', '', local],
])('the observed address is %s', async (_what, forwarded, observed) => {
  const { accepted, wsPort } = await start(viaProxy)
  await openWebSocket(wsPort, forwarded === '' ? {} : { 'x-forwarded-for': forwarded })
  await accepts(accepted, 1)
  expect(accepted[0]?.address).toBe(observed)
})

test('X-Forwarded-For of a client that is no trusted proxy is not believed', async () => {
  const { accepted, wsPort } = await start({ trustedProxies: ['10.0.0.0/8'] })
  await openWebSocket(wsPort, { 'x-forwarded-for': '198.51.100.7' })
  await accepts(accepted, 1)
  expect(accepted[0]?.address).toBe(local)
})
