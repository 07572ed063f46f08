/** One HTTP request to a device, streamed both ways. Redirects are not followed, bodies not decoded. */
import { Readable } from 'node:stream'
import type { AgentDevice } from '@travessia/schemas/devices'
import { encodeHead, FrameType, type RequestHead, ResetCode } from '@travessia/schemas/tunnel-frame'
import { StreamReset, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { Dispatcher } from 'undici'
import type { DevicePools } from './device-pools.ts'

/** A whole answer up to this size travels in one frame. */
const smallBodyBytes = 16 * 1024
/** Answers that may be silent for as long as they like. */
const endless = /^(text\/event-stream|multipart\/x-mixed-replace)/i

type HttpTarget = {
  readonly device: AgentDevice
  readonly pools: DevicePools
  readonly drained: () => Promise<void>
}

export async function serveHttp(
  stream: TunnelStream,
  head: RequestHead,
  { device, pools, drained }: HttpTarget,
): Promise<void> {
  const { firstByteMs, idleMs, connectMs } = head.timeouts
  const { pool, target } = pools.poolFor(device, head.port, connectMs)
  const abort = new AbortController()
  // The browser went away: the device's request is aborted.
  stream.onReset(() => abort.abort())
  const response = await pool.request({
    method: head.method as Dispatcher.HttpMethod,
    path: head.path,
    headers: requestHeaders(head, target.host),
    body:
      head.bodyBytes === undefined ? null : Readable.from(bodyOf(stream), { objectMode: false }),
    signal: abort.signal,
    headersTimeout: firstByteMs,
    bodyTimeout: 0,
    responseHeaders: 'raw',
  })
  const headers = rawHeaders(response.headers)
  const answer = { status: response.statusCode, headers }
  if (response.statusCode === 304) {
    // It may name the length of what it does not send [RFC 9110 8.6]; undici would call that a mismatch.
    response.body.dump().catch(() => undefined)
    return stream.frame(FrameType.response, encodeHead(answer), true)
  }
  const idle = idleTimer(stream, endless.test(headerOf(headers, 'content-type')) ? 0 : idleMs)
  idle.start()
  try {
    await sendAnswer(stream, answer, { body: response.body, idle, drained })
  } finally {
    idle.stop()
  }
}

type Answer = {
  readonly body: AsyncIterable<Uint8Array> & { bytes(): Promise<Uint8Array> }
  readonly idle: IdleTimer
  readonly drained: () => Promise<void>
}

async function sendAnswer(
  stream: TunnelStream,
  head: { status: number; headers: string[] },
  { body, idle, drained }: Answer,
): Promise<void> {
  const length = Number(headerOf(head.headers, 'content-length') || Number.NaN)
  if (length <= smallBodyBytes) {
    const small = await body.bytes()
    return stream.frame(FrameType.response, encodeHead(head, small), true)
  }
  stream.frame(FrameType.response, encodeHead(head), false)
  for await (const chunk of body) {
    // A slow reader is not a silent device.
    idle.stop()
    await drained()
    await stream.write(chunk)
    idle.start()
  }
  stream.frame(FrameType.end, undefined, true)
}

async function* bodyOf(stream: TunnelStream): AsyncGenerator<Uint8Array> {
  for (let frame = await stream.read(); frame; frame = await stream.read()) {
    if (frame.type !== FrameType.data) throw new StreamReset(ResetCode.protocol, 'not a body frame')
    yield frame.payload
  }
}

/** Framing is rebuilt here: the length is known or undici sends chunks; `Host` is the device's own. */
function requestHeaders({ headers, bodyBytes }: RequestHead, host: string): string[] {
  const own = ['host', host]
  if (typeof bodyBytes === 'number') own.push('content-length', String(bodyBytes))
  return [...own, ...headers]
}

function rawHeaders(headers: unknown): string[] {
  return (headers as Array<Uint8Array | string>).map((text) =>
    typeof text === 'string' ? text : Buffer.from(text).toString('latin1'),
  )
}

function headerOf(headers: readonly string[], name: string): string {
  const index = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name)
  return index < 0 ? '' : (headers[index + 1] ?? '')
}

type IdleTimer = { start(): void; stop(): void }

function idleTimer(stream: TunnelStream, idleMs: number): IdleTimer {
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      if (idleMs > 0) timer = setTimeout(() => stream.reset(ResetCode.idleTimeout), idleMs)
    },
    stop: () => clearTimeout(timer),
  }
}
