import { createServer as createHttpServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { TravessiaError } from '@travessia/schemas/errors'
import { expect, test } from 'vitest'
import { closedPort, listening, noProxies } from '../fixtures.ts'
import { pair } from '../identity.ts'
import { type ProxySettings, proxyOf } from '../proxy.ts'
import { whyUnreachable } from './unreachable.ts'

/** What is said of a pairing that fails. */
async function said(
  apiUrl: string,
  proxies: ProxySettings = noProxies,
): Promise<string | undefined> {
  const names = { code: 'ABCD-EFGH', name: 'Portaria', hostname: 'pi', version: '0.1.0' }
  const wanted = { ...names, apiUrl, os: 'Linux 6', allowLoopback: false }
  const url = new URL(apiUrl)
  const failed = pair(wanted, proxies).then(() => undefined)
  return failed.catch((error: Error) => whyUnreachable(error, url, proxyOf(url, proxies)))
}

test('a port where nothing listens is said with the address, and what to check', async () => {
  const host = `127.0.0.1:${await closedPort()}`
  expect(await said(`http://${host}`)).toBe(
    `Nothing listens at ${host}: check the address and its port, and whether it is running.`,
  )
})

test('a name that nobody knows is said with the name', async () => {
  expect(await said('https://travessia.invalid')).toBe(
    'The name of travessia.invalid is not known here: check the address, and the DNS of this network.',
  )
})

test.each([
  ['http', 'SSH-2.0-OpenSSH\r\n'],
  ['https', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['http', ''],
])('what listens and does not speak %s ("%s") is said so', async (scheme, greeting) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(greeting))
  })
  expect(await said(`${scheme}://127.0.0.1:${await listening(server)}`)).toMatch(
    /^127\.0\.0\.1:\d+ does not speak as it was asked to: check the address, /,
  )
})

test.each([
  ['more headers than are read', `x: ${'y'.repeat(20_000)}`],
  ['two lengths', 'content-length: 5\r\ncontent-length: 6'],
])('an answer with %s is said so', async (_what, headers) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n`))
  })
  expect(await said(`http://127.0.0.1:${await listening(server)}`)).toMatch(
    /^127\.0\.0\.1:\d+ does not speak as it was asked to: check the address, /,
  )
})

test.each([404, 200])(
  'a web server that is not Travessia and answers %i is said so',
  async (code) => {
    const server = createHttpServer((_request, response) => response.writeHead(code).end('<html>'))
    expect(await said(`http://127.0.0.1:${await listening(server)}`)).toMatch(
      /^127\.0\.0\.1:\d+ does not answer as Travessia does: check the address\. \(.+\)$/,
    )
  },
)

test('of a proxy that refuses the proxy is named, and where it is set', async () => {
  const host = `127.0.0.1:${await closedPort()}`
  const proxies = { ...noProxies, https: `http://${host}` }
  expect(await said('https://travessia.invalid', proxies)).toBe(
    `Nothing listens at the proxy ${host}: check HTTPS_PROXY and its port, and whether it is running.`,
  )
  const answering = createHttpServer().on('connect', (_request, socket) =>
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
  )
  const asking = `127.0.0.1:${await listening(answering)}`
  expect(await said('https://travessia.invalid', { ...noProxies, https: `http://${asking}` })).toBe(
    `the proxy ${asking} answered 407: check HTTPS_PROXY.`,
  )
})

test.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NODE_EXTRA_CA_CERTS'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'NODE_EXTRA_CA_CERTS'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'NODE_EXTRA_CA_CERTS'],
  ['CERT_HAS_EXPIRED', 'check the clock'],
  ['CERT_NOT_YET_VALID', 'check the clock'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'for another name'],
  ['UND_ERR_CONNECT_TIMEOUT', 'No answer comes from'],
  ['UND_ERR_HEADERS_TIMEOUT', 'No answer comes from'],
  ['ETIMEDOUT', 'No answer comes from'],
  ['EHOSTUNREACH', 'No answer comes from'],
  ['EAI_AGAIN', 'DNS'],
])('%s names the server and says %s', (code, words) => {
  const sentence = whyUnreachable(
    Object.assign(new Error('x'), { code }),
    new URL('https://a.example'),
  )
  expect(sentence).toMatch(/^[^.]+ a\.example.*: [^.]+\.$/)
  expect(sentence).toContain(words)
})

test('what the server says of the code, and what is wrong on this host, stays as it is', () => {
  const url = new URL('https://a.example')
  for (const error of [
    new TravessiaError('PAIRING_CODE_INVALID', { status: 400 }),
    new TravessiaError('CONFIG_INVALID', { problem: 'http: is allowed to this host only' }),
    Object.assign(new Error('no space'), { code: 'ENOSPC' }),
  ])
    expect(whyUnreachable(error, url)).toBeUndefined()
})
