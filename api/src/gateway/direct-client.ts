/**
 * A device that the node reaches without an agent. Outside the demo only public addresses are allowed: the
 * node's own network is not the customer's.
 */
import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { renameReset } from '@travessia/schemas/device-reset'
import { TravessiaError } from '@travessia/schemas/errors'
import { classifyAddress } from '@travessia/schemas/ip-address'
import { Client, type Dispatcher } from 'undici'
import { WebSocket } from 'ws'
import type { DeviceRow } from '../views/devices.ts'
import { AnswerHead } from './answer-head.ts'
import { signalOf } from './departure.ts'
import type {
  DeviceClient,
  DeviceRequest,
  DeviceResponse,
  DeviceSocket,
  SocketRequest,
} from './device-client.ts'
import { headerOf, requireCleanHeaders } from './headers.ts'
import { maxMessageBytes } from './tunnel-socket.ts'

type Target = { readonly url: URL; readonly allowPrivate: boolean }

/** Answers that may be silent for as long as they like. */
const endless = /^(text\/event-stream|multipart\/x-mixed-replace)/i
const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export function createDirectClient(device: DeviceRow, allowPrivate: boolean): DeviceClient {
  return {
    request: (request) => send(request, { url: urlOf(device, request.port), allowPrivate }),
    openWebSocket: (request) =>
      openSocket(request, { url: urlOf(device, request.port), allowPrivate }),
  }
}

async function send(request: DeviceRequest, target: Target): Promise<DeviceResponse> {
  const { method, path, headers, bodyBytes, body } = request
  const signal = signalOf(request.signal)
  const { connectMs, firstByteMs, idleMs, totalMs = 0 } = request.timeouts
  const client = new Client(target.url.origin, {
    headersTimeout: firstByteMs,
    bodyTimeout: 0,
    pipelining: 1,
    connect: (_options, done) => {
      connectTo(target, connectMs, signal).then(
        (socket) => done(null, socket.on('error', renameReset)),
        (error: Error) => done(error, null),
      )
    },
  })
  const stopLimit = after(totalMs, () => client.destroy(new TravessiaError('DEVICE_TIME_LIMIT')))
  try {
    const length = typeof bodyBytes === 'number' ? ['content-length', String(bodyBytes)] : []
    const response = await client.request({
      ...{ method: method as Dispatcher.HttpMethod, path, signal, body: body ?? null },
      headers: [...length, ...headers],
      responseHeaders: 'raw',
    })
    const raw = (response.headers as unknown as Buffer[]).map((text) =>
      Buffer.from(text).toString('latin1'),
    )
    return answerOf(new AnswerHead(response.statusCode, raw), response.body, {
      idleMs,
      over() {
        stopLimit()
        void client.destroy()
      },
    })
  } catch (error) {
    stopLimit()
    void client.destroy()
    throw errorOf(error)
  }
}

/** @throws TravessiaError DEVICE_PROTOCOL */
function answerOf(
  head: AnswerHead,
  body: Readable,
  { idleMs, over }: { idleMs: number; over: () => void },
): DeviceResponse {
  requireCleanHeaders(head.headers)
  const isEndless = endless.test(headerOf(head.headers, 'content-type') ?? '')
  const source = bodyOf(body, isEndless ? 0 : idleMs)
  const answer = Readable.from(source, { objectMode: false, highWaterMark: 65_536 })
  const { status, headers } = head
  return { status, headers, head, body: answer.once('close', over) }
}

/** 0: never. @returns what stops it */
function after(ms: number, act: () => void): () => void {
  const timer = ms === 0 ? undefined : setTimeout(act, ms)
  return () => clearTimeout(timer)
}

/** Silence of the device counts, a reader that takes its time does not. */
async function* bodyOf(body: Readable, idleMs: number): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const timer = setTimeout(() => body.destroy(new TravessiaError('DEVICE_TIMEOUT')), idleMs)
      if (idleMs === 0) clearTimeout(timer)
      const next = await chunks.next().finally(() => clearTimeout(timer))
      if (next.done) return
      yield next.value as Uint8Array
    }
  } catch (error) {
    throw errorOf(error)
  }
}

async function openSocket(
  request: SocketRequest,
  target: Target,
): Promise<DeviceSocket | DeviceResponse> {
  const { path, headers, protocols, timeouts: limits } = request
  const signal = signalOf(request.signal)
  const tcp = await connectTo(target, limits.connectMs, signal)
  const scheme = target.url.protocol === 'https:' ? 'wss' : 'ws'
  const pairs = headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1] ?? '']] : []))
  const socket = new WebSocket(`${scheme}://${target.url.host}${path}`, [...protocols], {
    createConnection: () => tcp,
    headers: Object.fromEntries(pairs) as Record<string, string>,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: limits.firstByteMs,
  })
  signal.addEventListener('abort', () => socket.terminate(), { once: true })
  const stopLimit = after(limits.totalMs ?? 0, () => socket.terminate())
  socket.once('close', stopLimit)
  const refusal = await opened(socket)
  return refusal ? refusalOf(refusal, socket, limits.idleMs) : deviceSocketOf(socket)
}

function refusalOf(response: IncomingMessage, socket: WebSocket, idleMs: number): DeviceResponse {
  const { statusCode: status = 502, rawHeaders: headers } = response
  const over = () => socket.terminate()
  try {
    return answerOf(new AnswerHead(status, headers), response, { idleMs, over })
  } catch (error) {
    over()
    throw error
  }
}

function deviceSocketOf(socket: WebSocket): DeviceSocket {
  return {
    protocol: socket.protocol,
    send: (data, binary) =>
      new Promise((resolve, reject) => {
        socket.send(data, { binary }, (error) => (error ? reject(error) : resolve()))
      }),
    onMessage: (listener) => {
      socket.on('message', (data: Buffer, isBinary) => {
        socket.pause()
        listener(data, isBinary).then(
          () => socket.resume(),
          () => socket.terminate(),
        )
      })
      socket.resume()
    },
    onClose: (listener) => socket.on('close', (code, reason) => listener(code, String(reason))),
    close: (code, reason) => socket.close(code, reason),
    cut: (code, reason) =>
      socket.bufferedAmount > 0 ? socket.terminate() : socket.close(code, reason),
  }
}

/**
 * Paused at its opening: a message that came with the 101 waits for the listener.
 * @returns the device's answer when it refuses
 */
function opened(socket: WebSocket): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.pause()
      resolve(undefined)
    })
    socket.once('unexpected-response', (_request, response) => resolve(response))
    // A later one ends the socket; its `close` says so.
    socket.on('error', (cause) => reject(new TravessiaError('DEVICE_PROTOCOL', {}, { cause })))
  })
}

function urlOf(device: DeviceRow, port: number | undefined): URL {
  const url = new URL(device.baseUrl)
  if (port === undefined) return url
  if (!device.ports.includes(port)) throw new TravessiaError('TARGET_FORBIDDEN')
  url.port = String(port)
  return url
}

async function connectTo(
  { url, allowPrivate }: Target,
  withinMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const address = isIP(hostname) ? hostname : await resolve(hostname)
  const kind = classifyAddress(address)
  const isAllowed = allowPrivate ? kind === 'private' || kind === 'loopback' : kind === 'public'
  if (!isAllowed) throw new TravessiaError('TARGET_FORBIDDEN', { problem: kind })
  const isTls = url.protocol === 'https:'
  const port = Number(url.port || (isTls ? 443 : 80))
  const socket: Socket = isTls
    ? connectTls({ host: address, port, servername: isIP(hostname) ? '' : hostname })
    : connectTcp({ host: address, port, noDelay: true })
  await new Promise<void>((done, fail) => {
    const end = (cause?: unknown) => {
      socket.destroy()
      fail(new TravessiaError('DEVICE_UNREACHABLE', {}, { cause }))
    }
    const timer = setTimeout(end, withinMs)
    const leave = () => socket.destroy(new TravessiaError('DEVICE_UNREACHABLE'))
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    socket.once('error', end)
    socket.once('close', () => clearTimeout(timer))
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      socket.off('error', end)
      done()
    })
  })
  return socket
}

async function resolve(hostname: string): Promise<string> {
  try {
    return (await lookup(hostname)).address
  } catch (cause) {
    throw new TravessiaError('DEVICE_UNREACHABLE', {}, { cause })
  }
}

function errorOf(error: unknown): TravessiaError {
  if (error instanceof TravessiaError) return error
  const { code = '', cause } = error as { code?: string; cause?: unknown }
  if (cause instanceof TravessiaError) return cause
  if (timeouts.has(code)) return new TravessiaError('DEVICE_TIMEOUT', {}, { cause: error })
  return new TravessiaError('DEVICE_PROTOCOL', {}, { cause: error })
}
