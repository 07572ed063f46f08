/** One session, several ports of its device: uploads, WebSockets and redirects between them, in both modes. */
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { enterSession } from '../rig/pages.ts'
import { blocks, digestOf, ScriptedDevice, takeBytes } from '../rig/scripted-device.ts'
import { begin, type Entered, once } from '../rig/session-client.ts'
import { nothingLeft, type OwnSite, startOwnSite } from './own-site.ts'

const main = new ScriptedDevice()
const other = new ScriptedDevice()
const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 })
const stranger = new ScriptedDevice()
const address = { main: '', other: '', stranger: '' }
let site: OwnSite

beforeAll(async () => {
  address.main = await main.start()
  address.other = await other.start()
  address.stranger = await stranger.start()
  other.on('/take', takeBytes)
  main.on('/away', (_request, response) => {
    response.writeHead(302, { location: `${address.other}/there?a=b` }).end()
  })
  other.on('/rooted', (_request, response) => {
    response.writeHead(302, { location: '/there' }).end()
  })
  other.on('/back', (_request, response) => {
    response.writeHead(302, { location: `${address.main}/home` }).end()
  })
  sockets.on('connection', (socket, { url }) => {
    socket.on('message', (data, isBinary) => socket.send(isBinary ? data : `${url} ${data}`))
  })
  const targets = [portOf(address.other), socketPort()].map((port) => ({ port }))
  site = await startOwnSite({ baseUrl: address.main, targets })
})

afterAll(async () => {
  for (const socket of sockets.clients) socket.terminate()
  sockets.close()
  await Promise.all([main, other, stranger].map((device) => device.stop()))
  await site?.stop()
})

function portOf(url: string): number {
  return Number(new URL(url).port)
}

function socketPort(): number {
  return (sockets.address() as { port: number }).port
}

async function answerOf(session: Entered, path: string): Promise<IncomingMessage> {
  const asked = begin(session, path)
  asked.request.end()
  const answer = await asked.answer
  answer.resume()
  return answer
}

/** Where a redirect leads, below the session's own address. */
async function redirected(session: Entered, path: string): Promise<string> {
  const { headers } = await answerOf(session, path)
  const { pathname } = new URL(session.base)
  const to = headers.location ?? ''
  return pathname !== '/' && to.startsWith(pathname) ? to.slice(pathname.length) : to
}

function webSocketAt({ base, cookie }: Entered, path: string): WebSocket {
  const { host, port, pathname, origin } = new URL(base)
  const at = pathname === '/' ? '' : pathname
  return new WebSocket(`ws://127.0.0.1:${port}${at}${path}`, { headers: { host, cookie, origin } })
}

test.each(['host', 'path'] as const)('in %s mode all ports of a device work', async (mode) => {
  const session = await enterSession(site.node.admin, site.deviceId, { mode })
  const at = `/__travessia/port/${portOf(address.other)}`

  const bytes = 3_000_000
  const up = begin(session, `${at}/take`, { method: 'PUT', headers: { 'content-length': bytes } })
  for (const block of blocks(bytes)) up.request.write(block)
  up.request.end()
  const seen = JSON.parse(await text(await up.answer))
  expect([seen.bytes, seen.digest]).toEqual([bytes, digestOf(blocks(bytes))])
  expect(seen.headers.host).toBe(new URL(address.other).host)

  expect(await redirected(session, '/away')).toBe(`${at}/there?a=b`)
  expect(await redirected(session, `${at}/rooted`)).toBe(`${at}/there`)
  expect(await redirected(session, `${at}/back`)).toBe('/home')

  const socket = webSocketAt(session, `/__travessia/port/${socketPort()}/ws?x=1`)
  await once(socket, 'open')
  socket.send('olá')
  expect(String((await once(socket, 'message'))[0])).toBe('/ws?x=1 olá')
  const closed = once(socket, 'close')
  socket.close()
  await closed
})

test('a port that listens and is not registered is refused, also for WebSockets', async () => {
  const session = await enterSession(site.node.admin, site.deviceId)
  let isReached = false
  stranger.on('/', () => {
    isReached = true
  })
  const path = `/__travessia/port/${portOf(address.stranger)}/`
  const { headers } = await answerOf(session, path)
  expect(headers['x-travessia-error']).toBe('TARGET_FORBIDDEN')
  const [, refused] = await once(webSocketAt(session, path), 'unexpected-response')
  expect((refused as IncomingMessage).headers['x-travessia-error']).toBe('TARGET_FORBIDDEN')
  expect(isReached).toBe(false)
})

test('after all of them neither node nor agent holds a stream', async () => {
  await nothingLeft(site)
})
