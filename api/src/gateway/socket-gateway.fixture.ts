/** For tests: a gateway before a device of WebSockets that answers, and refuses in every way there is. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { listen, type Session, startGateway } from './gateway.fixture.ts'

const basic = 'WWW-Authenticate: Basic realm="device"\r\nSet-Cookie: a=b; Domain=evil.example\r\n'
export const long = 64 * 1024
const refusals: Record<string, string> = {
  '/refused': `401 No\r\n${basic}Content-Length: 9\r\n\r\nnot today`,
  '/page': '200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<html\r\n0\r\n\r\n',
  '/long': `404 No\r\nContent-Length: ${long}\r\n\r\n${'x'.repeat(long)}`,
  '/longer': `404 No\r\nContent-Length: ${long + 1}\r\n\r\n${'x'.repeat(long + 1)}`,
  '/short': '403 No\r\nContent-Length: 9\r\n\r\nnot',
  '/split': '403 No\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nnot',
  // A parser takes it for a length, and no program counts so far.
  '/endless': `403 No\r\nContent-Length: ${'9'.repeat(16)}\r\n\r\nnot`,
}

type Options = { readonly origin?: string; readonly cookie?: string; readonly protocols?: string[] }

export async function startSocketGateway() {
  /** Sockets as the device sees them, newest last, and what its pages heard. */
  const atDevice: WebSocket[] = []
  const heard: string[] = []
  const closed: number[] = []
  /** Connections that were refused and are still open. */
  const refused = new Set<Duplex>()
  const { server, url } = await listen((_request, response) => response.writeHead(404).end())
  const devices = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusals[request.url ?? '']
    if (refusal !== undefined) {
      refused.add(socket.once('close', () => refused.delete(socket)))
      socket.on('end', () => socket.end()).resume()
      socket.write(`HTTP/1.1 ${refusal}`)
      return void (request.url === '/endless' || socket.end())
    }
    if (request.url === '/silent') return
    devices.handleUpgrade(request, socket, head, (browser) => {
      atDevice.push(browser)
      browser.on('message', (data, isBinary) => {
        heard.push(String(data))
        browser.send(data, { binary: isBinary })
      })
      browser.on('close', (code) => closed.push(code))
      browser.send('welcome')
    })
  })
  const node = await startGateway(url)
  const device = await node.register()
  const session = await node.open(device)
  const dial = ({ host, cookie }: Session, path: string, options: Options = {}): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${node.parts.port}${path}`, options.protocols ?? [], {
      origin: options.origin ?? `http://${host}`,
      headers: { host, cookie: options.cookie ?? cookie },
    })
  const stop = async () => {
    for (const socket of atDevice) socket.terminate()
    await node.stop()
    server.closeAllConnections()
    server.close()
  }
  return { node, device, session, atDevice, heard, closed, refused, dial, stop }
}

/** What the handshake is answered with instead of a 101. */
export async function answerTo(socket: WebSocket): Promise<IncomingMessage> {
  socket.on('error', () => undefined)
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  return answer
}

export async function refusal(socket: WebSocket): Promise<number | undefined> {
  const { statusCode } = await answerTo(socket)
  socket.terminate()
  return statusCode
}

export async function nextMessage(socket: WebSocket): Promise<[Buffer, boolean]> {
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
  return [data, isBinary]
}
