/** A WebSocket handshake at the device, and what becomes of it at the browser: a socket, or the device's refusal. */
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TravessiaError } from '@travessia/schemas/errors'
import type { DeviceResponse } from './device-client.ts'
import { stageOf } from './exchange-record.ts'
import { type Admitted, codeOf, sendAnswer } from './forwarding.ts'
import { requestHeaders } from './headers.ts'
import { joinWebSocket, offeredProtocols, type Upgrade } from './websocket.ts'

const none = { in: 0, out: 0 }
const goingAway = 1001
const broken = 1011
const maxEarlyBytes = 64 * 1024
/** Of an answer to a handshake: browsers show nothing of it. */
const maxRefusalBytes = 64 * 1024

/** The device first, then the 101. @throws TravessiaError what the handshake is answered with */
export async function forwardWebSocket(upgrade: Upgrade, admitted: Admitted): Promise<void> {
  const { session, device, client, view, path, port, jar, record } = admitted
  const { request, socket } = upgrade
  let cut = () => {
    record.closed(goingAway, none)
    socket.destroy()
  }
  const underWay = session.cuts.add(() => cut())
  socket.once('close', () => session.cuts.remove(underWay))
  const browser = watchHandshake(socket)
  try {
    if (session.isEnded) throw new TravessiaError('SESSION_ENDED')
    const opened = await client.openWebSocket({
      ...{ path, timeouts: device.timeouts, protocols: offeredProtocols(request) },
      ...(port === undefined ? {} : { port }),
      headers: requestHeaders(request.rawHeaders, { view, jar, isRewritten: false }),
      signal: browser.gone,
    })
    const head = Buffer.concat([upgrade.head, browser.stop()])
    if ('status' in opened) await refuse(upgrade, opened, admitted)
    else cut = joinWebSocket({ ...upgrade, head }, opened, record)
    socket.resume()
  } catch (error) {
    record.closed(broken, none)
    throw error
  }
}

/** The device's own answer, in place of a 101: browsers sign in by it. A long one is cut, as broken. */
async function refuse(
  { request, socket }: Upgrade,
  answer: DeviceResponse,
  admitted: Admitted,
): Promise<void> {
  const { record } = admitted
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  socket.on('drain', () => response.emit('drain'))
  // Bytes that nobody reads would reset the connection, and with it the answer.
  socket.resume()
  response.once('finish', () => (socket as Socket).destroySoon())
  record.answered()
  try {
    const body = upTo(maxRefusalBytes, answer.body)
    await sendAnswer({ request, response }, { ...answer, body }, admitted)
    record.ended(answer.head)
  } catch (error) {
    const code = codeOf(error)
    record.failed(code, code === 'TUNNEL_LOST' && !response.errored ? 'browser' : stageOf(code))
    throw error
  } finally {
    answer.body.destroy()
  }
}

/** @throws TravessiaError DEVICE_PROTOCOL */
async function* upTo(
  maxBytes: number,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > maxBytes) throw new TravessiaError('DEVICE_PROTOCOL', { maxBytes })
    yield piece
  }
}

/** Until the 101: a socket that nobody reads would not notice that its browser left. */
function watchHandshake(socket: Duplex): { gone: AbortSignal; stop(): Buffer } {
  const abort = new AbortController()
  let early = Buffer.alloc(0)
  const leave = () => {
    abort.abort()
    socket.destroy()
  }
  const keep = (chunk: Buffer) => {
    early = Buffer.concat([early, chunk])
    if (early.length > maxEarlyBytes) leave()
  }
  if (socket.destroyed) abort.abort()
  socket.on('data', keep).once('end', leave).once('close', leave)
  return {
    gone: abort.signal,
    stop() {
      socket.off('data', keep).off('end', leave).off('close', leave).pause()
      return early
    },
  }
}
