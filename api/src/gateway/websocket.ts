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
const gone = 1006
const broken = 1011
const reserved = new Set([1004, 1005, 1006])

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

/** @returns what cuts it: from then on nothing passes */
export function joinWebSocket(
  { request, socket, head }: Upgrade,
  device: DeviceSocket,
  record: ExchangeRecord,
): () => void {
  // `ws` answers with the first protocol that was offered: only the one the device chose is left.
  if (device.protocol === '') delete request.headers['sec-websocket-protocol']
  else request.headers['sec-websocket-protocol'] = device.protocol
  let cut: (() => void) | undefined
  acceptor.handleUpgrade(request, socket, head, (browser) => {
    cut = join(browser, device, record)
  })
  if (cut) return cut
  // The browser left while the device answered.
  device.close(goingAway, '')
  record.closed(gone, { in: 0, out: 0 })
  return () => socket.destroy()
}

function join(browser: WebSocket, device: DeviceSocket, record: ExchangeRecord): () => void {
  const frames = { in: 0, out: 0 }
  let isOver = false
  /** Once, whoever is first: the device hears of it, and the fact is written. */
  const end = (code: number, reason: string, how: 'close' | 'cut') => {
    if (isOver) return
    isOver = true
    device[how](sendable(code), clipped(reason))
    record.closed(code, frames)
  }
  let waiting = 0
  browser.on('error', () => browser.terminate())
  browser.on('message', (data: Buffer, isBinary) => {
    if (isOver) return
    frames.in += 1
    record.request.add(data)
    // One read may hold many messages: all of them leave before the next one.
    waiting += 1
    browser.pause()
    device.send(data, isBinary).then(
      () => {
        waiting -= 1
        if (waiting === 0) browser.resume()
      },
      () => browser.terminate(),
    )
  })
  browser.on('close', (code, reason) => end(code, String(reason), code === gone ? 'cut' : 'close'))
  device.onMessage(async (data, binary) => {
    if (isOver) return
    frames.out += 1
    record.response.add(data)
    await new Promise<void>((resolve, reject) => {
      browser.send(data, { binary }, (error) => (error ? reject(error) : resolve()))
    })
  })
  device.onClose((code, reason) => browser.close(sendable(code), clipped(reason)))
  keepAlive(browser)
  return () => {
    end(goingAway, 'session ended', 'cut')
    browser.close(goingAway, 'session ended')
    setTimeout(() => browser.terminate(), 1_000).unref()
  }
}

/** A browser that does not answer for two rounds is gone; one that is paused cannot answer. */
function keepAlive(browser: WebSocket): void {
  let isAlive = true
  const ping = setInterval(() => {
    if (browser.isPaused) return
    if (!isAlive) return browser.terminate()
    isAlive = false
    browser.ping()
  }, pingMs)
  browser.on('pong', () => {
    isAlive = true
  })
  browser.on('close', () => clearInterval(ping))
}

/** Codes that must not be sent [RFC 6455 7.4.1]: 1005 was a clean end, the others were not. */
export function sendable(code: number): number {
  const isKnown = code >= 1000 && code <= 1014 && !reserved.has(code)
  if (isKnown || (code >= 3000 && code <= 4999)) return code
  return code === 1005 ? normal : broken
}

/** A close frame has room for 123 bytes [RFC 6455 5.5]. */
function clipped(reason: string): string {
  return Buffer.byteLength(reason) <= 123 ? reason : ''
}
