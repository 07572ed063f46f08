import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { request } from 'undici'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { connectTo } from './device-pools.ts'
import { deviceAt, listening } from './fixtures.ts'
import { dispatcherFor, proxyOf, webSocketOptions } from './proxy.ts'
import { targetOf } from './target-policy.ts'

const settings = (http: string) => ({ http, https: 'http://secure.proxy:3128', except: '' })

/** A proxy that knows `server.test` as a server of this host, and what it was asked for. */
async function proxy(port: number, status = 200) {
  const asked: Array<{ url: string; authorization: string | undefined }> = []
  const sockets = new Set<Socket>()
  const server = createServer().on('connect', ({ url = '', headers }, client: Socket) => {
    asked.push({ url, authorization: headers['proxy-authorization'] })
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\n\r\n`)
      return
    }
    const upstream = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'))
    sockets.add(upstream)
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  const address = `127.0.0.1:${await listening(server)}`
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { asked, address }
}

test('a request to the server goes through the proxy, with its credentials', async () => {
  const port = await listening(createServer((_request, response) => response.end('here')))
  const { asked, address } = await proxy(port)
  const url = new URL('http://server.test:8000/healthz')
  const dispatcher = dispatcherFor(url, settings(`http://ana:s%20cret@${address}`))
  if (!dispatcher) throw new Error('no proxy')
  const { body } = await request(url, { dispatcher })
  expect(await body.text()).toBe('here')
  await dispatcher.close()
  const authorization = `Basic ${Buffer.from('ana:s cret').toString('base64')}`
  expect(asked).toEqual([{ url: 'server.test:8000', authorization }])
})

test('a WebSocket to the broker goes through the proxy', async () => {
  const web = createServer()
  const sockets = new WebSocketServer({ server: web })
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
  const { asked, address } = await proxy(await listening(web))
  const url = new URL('ws://server.test/ws/connectors')
  const socket = new WebSocket(url, 'mqtt', webSocketOptions(url, settings(`http://${address}`)))
  onTestFinished(() => socket.terminate())
  socket.on('open', () => socket.send('hello'))
  const data = await new Promise<Buffer>((resolve, reject) => {
    socket.once('message', (message: Buffer) => resolve(message))
    socket.once('error', reject)
  })
  expect(data.toString()).toBe('hello')
  expect(asked).toEqual([{ url: 'server.test:80', authorization: undefined }])
})

test('a proxy that refuses is named with its answer', async () => {
  const { address } = await proxy(1, 407)
  const url = new URL('http://server.test/')
  const dispatcher = dispatcherFor(url, settings(`http://${address}`))
  if (!dispatcher) throw new Error('no proxy')
  await expect(request(url, { dispatcher })).rejects.toThrow(`the proxy ${address} answered 407`)
  await dispatcher.close()
})

test('a server behind a proxy that is silent at the TLS handshake is given up after ten seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const server = createTcpServer((socket) => socket.on('error', () => undefined))
  const { address } = await proxy(await listening(server))
  const url = new URL('https://server.test/')
  const dispatcher = dispatcherFor(url, { ...settings(''), https: `http://${address}` })
  if (!dispatcher) throw new Error('no proxy')
  const connected = once(server, 'connection')
  const failed = expect(request(url, { dispatcher })).rejects.toThrow(
    `server.test:443 is silent behind ${address}`,
  )
  const [socket] = await connected
  await once(socket, 'data')
  await vi.advanceTimersByTimeAsync(10_000)
  await failed
  await dispatcher.close()
})

test('devices are never reached through a proxy, whatever the environment says', async () => {
  const port = await listening(createServer())
  const { asked, address } = await proxy(port)
  vi.stubEnv('HTTP_PROXY', `http://${address}`)
  vi.stubEnv('http_proxy', `http://${address}`)
  onTestFinished(() => void vi.unstubAllEnvs())
  const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
  const socket = await connectTo(targetOf(deviceAt(`http://127.0.0.1:${port}`)), policy, 1_000)
  socket.destroy()
  expect(asked).toEqual([])
})

test('the secure proxy is for https and wss, the other one for http and ws', () => {
  const both = settings('http://plain.proxy:8080')
  for (const url of ['https://a.example', 'wss://a.example'])
    expect(proxyOf(new URL(url), both)?.hostname).toBe('secure.proxy')
  for (const url of ['http://a.example', 'ws://a.example'])
    expect(proxyOf(new URL(url), both)?.hostname).toBe('plain.proxy')
})

test('this host is reached without a proxy', () => {
  const both = settings('http://plain.proxy:8080')
  for (const url of [
    'http://localhost:1',
    'ws://127.0.0.1:1',
    'http://[::1]:1',
    'https://x.localhost',
  ])
    expect(proxyOf(new URL(url), both), url).toBeUndefined()
})

test.each([
  ['*', true],
  ['a.example', true],
  ['.example', true],
  ['*.example', true],
  ['example', true],
  ['A.EXAMPLE', true],
  ['x.test, a.example', true],
  ['a.example:443', false],
  ['a.example:8443', true],
  ['b.example', false],
  ['ample', false],
  ['', false],
])('NO_PROXY %j leaves a.example:8443 without a proxy: %s', (except, isDirect) => {
  const url = new URL('https://a.example:8443/')
  expect(proxyOf(url, { ...settings(''), except }) === undefined).toBe(isDirect)
})

test('a proxy that is not an http(s) URL is a configuration error', () => {
  for (const http of ['socks5://a:1', 'nonsense'])
    expect(() => proxyOf(new URL('http://a.example'), settings(http))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
})
