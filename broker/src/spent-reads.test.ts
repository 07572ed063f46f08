import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { giveSpentReadsBack } from './spent-reads.ts'

const closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A client of a WebSocket server that gives its spent reads back. */
async function connectedTo(accept: (webSocket: WebSocket, socket: Socket) => void) {
  const server = createServer()
  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on('upgrade', (request, socket: Socket, head: Buffer) => {
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      giveSpentReadsBack(webSocket, socket)
      accept(webSocket, socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new WebSocket(`ws://127.0.0.1:${port}`, {
    perMessageDeflate: false,
    generateMask: (mask) => mask.fill(0),
  })
  closing.push(() => {
    client.terminate()
    server.close()
  })
  await once(client, 'open')
  return client
}

/** What such a server reads of these messages, the reads of its socket, and which of them were given back. */
async function readAll(messages: readonly Buffer[], pauseAt?: number) {
  const reads: ArrayBufferLike[] = []
  const got: Buffer[] = []
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const client = await connectedTo((webSocket, socket) => {
    socket.prependListener('data', (read: Buffer) => reads.push(read.buffer))
    webSocket.on('message', (message: Buffer) => {
      got.push(message)
      if (got.length === pauseAt) {
        webSocket.pause()
        setTimeout(() => webSocket.resume(), 5)
      }
      if (got.length === messages.length) resolve()
    })
  })
  for (const message of messages) client.send(message)
  await all
  // After the listeners of the last read.
  await new Promise(setImmediate)
  return { got, reads }
}

function messageOf(bytes: number, index: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (index * 31 + i) % 251))
}

test('messages are what was sent, whatever their sizes, also held while their reader pauses', async () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 120_000 }))
  const sizes = fc.array(size, { minLength: 1, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(sizes, fc.option(fc.integer({ min: 1, max: 20 })), async (bytes, pauseAt) => {
      const sent = bytes.map(messageOf)
      const { got } = await readAll(sent, pauseAt ?? undefined)
      // All of them are looked at when all have come.
      expect(got.every((message, i) => message.equals(sent[i] ?? Buffer.alloc(0)))).toBe(true)
      for (const close of closing.splice(0)) close()
    }),
    { numRuns: 40 },
  )
})

test('of many large messages hardly a read is kept', async () => {
  const sent = Array.from({ length: 400 }, (_, i) => messageOf(61_000, i))
  const { got, reads } = await readAll(sent)
  const messages = new Set(got.map(({ buffer }) => buffer))
  const kept = reads.filter((buffer) => buffer.byteLength >= 16_384 && !messages.has(buffer))
  expect(reads.filter((buffer) => buffer.byteLength === 0).length).toBeGreaterThan(50)
  expect(kept.length).toBeLessThanOrEqual(3)
})

test('a pong that waits for its reader is what the ping was, though the read that it came in is spent', async () => {
  const { promise: isRead, resolve } = Promise.withResolvers<void>()
  const client = await connectedTo((webSocket) => {
    webSocket.on('message', (message: Buffer) => {
      if (message.length === 1) webSocket.send(Buffer.alloc(16 * 1024 * 1024))
      if (message.length === 2) resolve()
    })
  })
  const pongs: string[] = []
  client.on('pong', (data) => pongs.push(String(data)))
  client.pause()
  client.send(Buffer.alloc(1))
  const pings = Array.from({ length: 20 }, (_, i) => String(i).padStart(125, '.'))
  for (const ping of pings) {
    client.ping(ping)
    client.send(Buffer.alloc(100_000))
  }
  client.send(Buffer.alloc(2))
  await isRead
  client.resume()
  await vi.waitFor(() => expect(pongs).toEqual(pings), { timeout: 10_000 })
})
