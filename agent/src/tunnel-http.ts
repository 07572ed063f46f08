/** One HTTP request to a device, streamed both ways. Redirects are not followed, bodies not decoded. */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { AgentDevice } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { framePieces } from '@travessia/schemas/frame-pieces'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { encodeHead, type RequestHead } from '@travessia/schemas/tunnel-head'
import { StreamReset, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { Dispatcher } from 'undici'
import { DeviceAnswer, joined } from './device-answer.ts'
import type { DevicePools } from './device-pools.ts'
import type { Signed, Signer } from './page-signer.ts'

/** A whole answer up to this size travels in one frame. */
const smallBodyBytes = 16 * 1024
/** A request body up to this size is kept, so that it can be sent again after a new sign-in. */
const repeatableBytes = 64 * 1024
/** Answers that may be silent for as long as they like. */
const endless = /^(text\/event-stream|multipart\/x-mixed-replace)/i

type HttpTarget = {
  readonly device: AgentDevice
  readonly pools: DevicePools
  readonly signer: Signer | undefined
}

export async function serveHttp(
  stream: TunnelStream,
  head: RequestHead,
  target: HttpTarget,
): Promise<void> {
  if (target.signer) return serveSignedIn(stream, head, { ...target, signer: target.signer })
  const body = begin(stream, head, {
    ...target,
    headers: head.headers,
    body: bodyStream(stream, head),
  })
  const { status, headers } = await body.head
  // It may name the length of what it does not send [RFC 9110 8.6]; undici would call that a mismatch.
  if (status === 304) void body.drop()
  const small = status === 304 ? undefined : body.whole(smallBodyBytes)
  if (small || status === 304)
    return stream.frame(FrameType.response, encodeHead({ status, headers }, small), true)
  await sendAnswer(stream, { status, headers }, { body, idleMs: head.timeouts.idleMs })
}

type Begun = Pick<HttpTarget, 'device' | 'pools'> & {
  readonly headers: readonly string[]
  readonly body: Readable | Buffer | null
}

function begin(
  stream: TunnelStream,
  { method, path, port, bodyBytes, timeouts }: RequestHead,
  { device, pools, headers, body }: Begun,
): DeviceAnswer {
  const { pool, target } = pools.poolFor(device, port, timeouts.connectMs)
  const answer = new DeviceAnswer()
  pool.dispatch(
    {
      method: method as Dispatcher.HttpMethod,
      path,
      body,
      headers: requestHeaders(headers, { host: target.host, bodyBytes }),
      headersTimeout: timeouts.firstByteMs,
      bodyTimeout: 0,
    },
    answer,
  )
  // The browser went away: the device's request is aborted.
  stream.onReset(() => answer.abort())
  return answer
}

async function serveSignedIn(
  stream: TunnelStream,
  head: RequestHead,
  { device, pools, signer }: HttpTarget & { readonly signer: Signer },
): Promise<void> {
  const ask: Ask = async (asked, content) => {
    const body = begin(stream, head, { device, pools, headers: asked, body: content })
    return { ...(await body.head), body }
  }
  const { response, signed } = await askSignedIn(stream, head, { ask, signer })
  const { status, body } = response
  const headers = signed.answer(response.headers)
  if (status === 304) {
    void body.drop()
    return stream.frame(FrameType.response, encodeHead({ status, headers }), true)
  }
  const { idleMs } = head.timeouts
  await sendAnswer(stream, { status, headers }, { body: signed.mask.stream(body), idleMs })
}

type Response = {
  readonly status: number
  readonly headers: string[]
  readonly body: DeviceAnswer
}
type Ask = (headers: readonly string[], body: Readable | Buffer | null) => Promise<Response>

/**
 * Signed in by the agent. A 401 proves that nothing was done: after a new sign-in the same is asked once more, unless
 * the body was too long to be kept.
 * @throws TravessiaError DEVICE_SIGN_IN_REFUSED: the browser must not ask a person for the password
 */
async function askSignedIn(
  stream: TunnelStream,
  head: RequestHead,
  { ask, signer }: { ask: Ask; signer: Signer },
): Promise<{ response: Response; signed: Signed }> {
  const isRepeatable = head.bodyBytes !== 'chunked' && (head.bodyBytes ?? 0) <= repeatableBytes
  const whole = bodyStream(stream, head)
  const body = whole && isRepeatable ? await buffer(whole) : whole
  let signed = await signer()
  let response = await ask(signed.request(head), body)
  if (response.status === 401 && isRepeatable) {
    const fresh = await signer(signed, challengeOf(response))
    if (fresh.made !== signed.made) {
      await response.body.drop()
      signed = fresh
      response = await ask(signed.request(head), body)
    }
  }
  if (response.status === 401 && challengeOf(response) !== '') {
    await response.body.drop()
    throw new TravessiaError('DEVICE_SIGN_IN_REFUSED')
  }
  return { response, signed }
}

function challengeOf({ headers }: Response): string {
  return headerOf(headers, 'www-authenticate')
}

function bodyStream(stream: TunnelStream, { bodyBytes }: RequestHead): Readable | null {
  return bodyBytes === undefined ? null : Readable.from(bodyOf(stream), { objectMode: false })
}

type Answer = {
  readonly body: AsyncIterable<Uint8Array>
  /** Of the device's silence. */
  readonly idleMs: number
}

export async function sendAnswer(
  stream: TunnelStream,
  head: { status: number; headers: string[] },
  { body, idleMs }: Answer,
): Promise<void> {
  const idle = idleTimer(stream, endless.test(headerOf(head.headers, 'content-type')) ? 0 : idleMs)
  idle.start()
  try {
    await sendPieces(stream, head, { body, idle })
  } finally {
    idle.stop()
  }
}

async function sendPieces(
  stream: TunnelStream,
  head: { status: number; headers: string[] },
  { body, idle }: { body: AsyncIterable<Uint8Array>; idle: IdleTimer },
): Promise<void> {
  const length = Number(headerOf(head.headers, 'content-length') || Number.NaN)
  if (length <= smallBodyBytes) {
    const small = joined(await piecesOf(body))
    return stream.frame(FrameType.response, encodeHead(head, small), true)
  }
  stream.frame(FrameType.response, encodeHead(head), false)
  for await (const piece of framePieces(body, setImmediate)) {
    // A slow reader is not a silent device.
    idle.stop()
    await stream.write(piece)
    idle.start()
  }
  stream.frame(FrameType.end, undefined, true)
}

async function piecesOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return pieces
}

async function* bodyOf(stream: TunnelStream): AsyncGenerator<Uint8Array> {
  for (let frame = await stream.read(); frame; frame = await stream.read()) {
    if (frame.type !== FrameType.data) throw new StreamReset(ResetCode.protocol, 'not a body frame')
    yield frame.payload
  }
}

/** Framing is rebuilt here: the length is known or undici sends chunks; `Host` is the device's own. */
function requestHeaders(
  headers: readonly string[],
  { host, bodyBytes }: { host: string; bodyBytes: RequestHead['bodyBytes'] },
): string[] {
  const own = ['host', host]
  if (typeof bodyBytes === 'number') own.push('content-length', String(bodyBytes))
  return own.concat(headers)
}

export function headerOf(headers: readonly string[], name: string): string {
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
