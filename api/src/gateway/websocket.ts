/**
 * A WebSocket from the browser to a device: opened at the device first, so that the 101 carries what the device
 * chose; messages keep bounds and kind; either end's close ends both. Durable before its 101, then counted.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { DeviceSocket } from './device-client.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { maxMessageBytes } from './tunnel-socket.ts'

const pingMs = 30_000
const normal = 1000
const goingAway = 1001
const broken = 1011
/** Codes that may never be sent [RFC 6455 7.4.1]. */
const unsendable = new Set([1005, 1006, 1015])

const acceptor = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: maxMessageBytes,
  clientTracking: false,
})

export type Upgrade = {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** What the browser offers. */
export function offeredProtocols({ headers }: IncomingMessage): string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '')
}

/** @returns what cuts it */
export function joinWebSocket(
  { request, socket, head }: Upgrade,
  device: DeviceSocket,
  record: ExchangeRecord,
): () => void {
  // `ws` answers with the first protocol that was offered: only the one the device chose is left.
  if (device.protocol === '') delete request.headers['sec-websocket-protocol']
  else request.headers['sec-websocket-protocol'] = device.protocol
  let cut = (): void => {
    socket.destroy()
  }
  acceptor.handleUpgrade(request, socket, head, (browser) => {
    cut = join(browser, device, record)
  })
  return () => cut()
}

function join(browser: WebSocket, device: DeviceSocket, record: ExchangeRecord): () => void {
  const frames = { in: 0, out: 0 }
  let isAlive = true
  const ping = setInterval(() => {
    if (!isAlive) return browser.terminate()
    isAlive = false
    browser.ping()
  }, pingMs)
  browser.on('pong', () => {
    isAlive = true
  })
  browser.on('error', () => browser.terminate())
  browser.on('message', (data: Buffer, isBinary) => {
    frames.in += 1
    record.request.add(data)
    browser.pause()
    device.send(data, isBinary).then(
      () => browser.resume(),
      () => browser.terminate(),
    )
  })
  browser.on('close', (code, reason) => {
    clearInterval(ping)
    device.close(sendable(code), String(reason))
    record.closed(code, frames)
  })
  device.onMessage(async (data, binary) => {
    frames.out += 1
    record.response.add(data)
    await new Promise<void>((resolve, reject) => {
      browser.send(data, { binary }, (error) => (error ? reject(error) : resolve()))
    })
  })
  device.onClose((code, reason) => browser.close(sendable(code), reason))
  return () => {
    browser.close(goingAway, 'session ended')
    setTimeout(() => browser.terminate(), 1_000).unref()
  }
}

function sendable(code: number): number {
  if (!unsendable.has(code)) return code
  return code === 1005 ? normal : broken
}
