import dns from 'node:dns'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { connectFeed, feedAddress } from './feed-address.ts'

const refused = expect.objectContaining({ code: 'FEED_ADDRESS' })
const { signal } = new AbortController()

test.each([
  ['https://siem.example/in?key=1', 'webhook', 443],
  ['https://siem.example:8443/in', 'webhook', 8443],
  ['syslog+tls://siem.example', 'syslog', 6514],
  ['syslog+tls://8.8.8.8:1514', 'syslog', 1514],
])('%s is an address', (text, kind, port) => {
  expect(feedAddress(text, false)).toMatchObject({ kind, port, isTls: true })
})

test.each([
  ...['http://siem.example/', 'syslog+tcp://siem.example', 'ftp://siem.example', 'x', ''],
  ...['https://user:password@siem.example/', 'https://user@siem.example/'],
  ...['https://127.0.0.1/', 'https://10.0.0.1/', 'https://192.168.1.1/', 'https://[::1]/'],
  ...['https://169.254.169.254/latest', 'https://[fd00::1]/', 'https://[::ffff:10.0.0.1]/'],
  ...['https://2130706433/', 'https://0x7f.1/', 'https://0.0.0.0/', 'syslog+tls://10.0.0.1'],
])('%j is none: not encrypted, not public, or with a name in it', (text) => {
  expect(() => feedAddress(text, false)).toThrow(refused)
})

test('a name that leads to a private address is not connected to, however public it looked', async () => {
  const address = feedAddress('https://localhost/', false)
  await expect(connectFeed(address, { isDemo: false, signal })).rejects.toEqual(refused)
})

/** Names lead where the test says; `asked` counts. */
function resolver(...addresses: string[]) {
  const asked = { times: 0 }
  const { lookup } = dns.promises
  dns.promises.lookup = (async () => {
    const address = addresses[Math.min(asked.times, addresses.length - 1)]
    asked.times += 1
    return { address, family: 4 }
  }) as never
  syncBuiltinESMExports()
  onTestFinished(() => {
    dns.promises.lookup = lookup
    syncBuiltinESMExports()
  })
  return asked
}

test.each(['169.254.169.254', '127.0.0.1', '10.1.2.3', '100.64.0.1', '::1', 'fd00::1', '0.0.0.0'])(
  'a public name that leads to %s is not connected to',
  async (address) => {
    resolver(address)
    const to = feedAddress('https://siem.example/', false)
    await expect(connectFeed(to, { isDemo: false, signal })).rejects.toEqual(refused)
  },
)

test('a name is resolved once: what was judged is what is connected to', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const asked = resolver('127.0.0.1', '8.8.8.8')
  const { port } = server.address() as AddressInfo
  const to = feedAddress(`http://siem.example:${port}/`, true)
  const socket = await connectFeed(to, { isDemo: true, signal })
  expect([socket.remoteAddress, asked.times]).toEqual(['127.0.0.1', 1])
  socket.destroy()
})

test('the demo sends to its own machine and network only', async () => {
  expect(feedAddress('http://127.0.0.1:1/', true)).toMatchObject({ kind: 'webhook', isTls: false })
  expect(() => feedAddress('http://8.8.8.8/', true)).toThrow(refused)
})
