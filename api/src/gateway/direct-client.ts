/**
 * A device that the node reaches without an agent. Outside the demo only public addresses are allowed: the
 * node's own network is not the customer's (THREATS P1).
 */
import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { TravessiaError } from '@travessia/schemas/errors'
import { classifyAddress } from '@travessia/schemas/ip-address'
import { Client, type Dispatcher } from 'undici'
import { WebSocket } from 'ws'
import type { DeviceRow } from '../views/devices.ts'
import type { DeviceClient, DeviceRequest, DeviceSocket, SocketRequest } from './device-client.ts'
import { maxMessageBytes } from './tunnel-socket.ts'

type Target = { readonly url: URL; readonly allowPrivate: boolean }

const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

export function createDirectClient(device: DeviceRow, allowPrivate: boolean): DeviceClient {
  return {
    request: (request) => send(request, { url: urlOf(device, request.port), allowPrivate }),
    openWebSocket: (request) =>
      openSocket(request, { url: urlOf(device, request.port), allowPrivate }),
  }
}

async function send(request: DeviceRequest, target: Target) {
  const { method, path, headers, bodyBytes, body, signal } = request
  const { connectMs, firstByteMs, idleMs } = request.timeouts
  const client = new Client(target.url.origin, {
    headersTimeout: firstByteMs,
    bodyTimeout: idleMs,
    pipelining: 1,
    connect: (_options, done) => {
      connectTo(target, connectMs).then(
        (socket) => done(null, socket),
        (error: Error) => done(error, null),
      )
    },
  })
  try {
    const length = typeof bodyBytes === 'number' ? ['content-length', String(bodyBytes)] : []
    const response = await client.request({
      ...{ method: method as Dispatcher.HttpMethod, path, signal, body: body ?? null },
      headers: [...length, ...headers],
      responseHeaders: 'raw',
    })
    response.body.once('close', () => void client.destroy())
    const raw = response.headers as unknown as Buffer[]
    return {
      status: response.statusCode,
      headers: raw.map((text) => Buffer.from(text).toString('latin1')),
      body: response.body,
    }
  } catch (error) {
    void client.destroy()
    throw errorOf(error)
  }
}

async function openSocket(request: SocketRequest, target: Target): Promise<DeviceSocket> {
  const { path, headers, protocols, timeouts: limits, signal } = request
  const tcp = await connectTo(target, limits.connectMs)
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
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', () => reject(new TravessiaError('DEVICE_PROTOCOL')))
  })
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
    },
    onClose: (listener) => socket.on('close', (code, reason) => listener(code, String(reason))),
    close: (code, reason) => socket.close(code, reason),
  }
}

function urlOf(device: DeviceRow, port: number | undefined): URL {
  const url = new URL(device.baseUrl)
  if (port === undefined) return url
  if (!device.ports.includes(port)) throw new TravessiaError('TARGET_FORBIDDEN')
  url.port = String(port)
  return url
}

async function connectTo({ url, allowPrivate }: Target, withinMs: number): Promise<Socket> {
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
    socket.once('error', end)
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
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
