/** For tests: listeners on ports of their own, and clients that dial them. */
import { once } from 'node:events'
import { connect as openSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type ListenerOptions, Listeners } from './listeners.ts'

export const local = '127.0.0.1'

type Accepted = { readonly stream: Duplex; readonly address: string }

export async function start(options: Partial<ListenerOptions> = {}, isOpen = true) {
  const accepted: Accepted[] = []
  const accept = (stream: Duplex, address: string) => {
    stream.on('error', () => undefined)
    accepted.push({ stream, address })
  }
  const listeners = new Listeners({
    ...{ host: local, mqttPort: 0, wsPort: 0, maxSocketsPerIp: 2, trustedProxies: [] },
    ...options,
  })
  const ports = await listeners.bind()
  if (isOpen) listeners.open({ accept })
  onTestFinished(() => listeners.stop())
  return { accepted, accept, listeners, ...ports }
}

/** A bare socket that the client keeps open; `got`: everything that came until the other side ended it. */
export async function dial(port: number, text = '', host = local) {
  const to = { port, host: local, localAddress: host, allowHalfOpen: true }
  const socket = openSocket(to)
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const got = new Promise<string>((done) => {
    const over = () => done(Buffer.concat(chunks).toString('latin1'))
    socket.once('end', over).on('error', over).once('close', over)
  })
  await once(socket, 'connect')
  socket.write(text)
  return { socket, got }
}

export function upgrade(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = {
    ...{ Host: 'x', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    ...{ 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol': 'mqtt' },
    ...headers,
  }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`
}

export async function openWebSocket(port: number, headers: Readonly<Record<string, string>> = {}) {
  const webSocket = new WebSocket(`ws://${local}:${port}/ws/connectors`, 'mqtt', { headers })
  webSocket.on('error', () => undefined)
  onTestFinished(() => webSocket.terminate())
  await new Promise<void>((done) => {
    webSocket.once('open', done)
    webSocket.once('close', () => done())
  })
  return webSocket
}

export async function closeOf(webSocket: WebSocket): Promise<void> {
  await new Promise<void>((done) => webSocket.once('close', () => done()))
}

export const accepts = (list: readonly Accepted[], count: number) =>
  vi.waitFor(() => expect(list).toHaveLength(count), { timeout: 20_000, interval: 10 })
