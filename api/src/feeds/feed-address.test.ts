import { expect, test } from 'vitest'
import { connectFeed, feedAddress } from './feed-address.ts'

const refused = expect.objectContaining({ code: 'FEED_ADDRESS' })
const signal = AbortSignal.timeout(2_000)

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

test('the demo sends to its own machine and network only', async () => {
  expect(feedAddress('http://127.0.0.1:1/', true)).toMatchObject({ kind: 'webhook', isTls: false })
  expect(() => feedAddress('http://8.8.8.8/', true)).toThrow(refused)
})
