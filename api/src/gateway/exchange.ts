/** One exchange at the node's end: request out, response head in, body as a stream; a reset as an error code. */
import type { Readable } from 'node:stream'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { framePieces } from '@travessia/schemas/frame-pieces'
import { Flag, FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { encodeHead, type RequestHead } from '@travessia/schemas/tunnel-head'
import { type Incoming, StreamReset, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import { type AnswerHead, readAnswer } from './answer-head.ts'
import { type Leaving, onceGone } from './departure.ts'
import type { DeviceBody, DeviceResponse } from './device-client.ts'

/** How much longer than the device's own limits the node waits for the agent's word. */
const agentGraceMs = 5_000

const resetErrors: Readonly<Record<number, ErrorCode>> = {
  [ResetCode.targetForbidden]: 'TARGET_FORBIDDEN',
  [ResetCode.deviceUnknown]: 'AGENT_NOT_READY',
  [ResetCode.deviceUnreachable]: 'DEVICE_UNREACHABLE',
  [ResetCode.firstByteTimeout]: 'DEVICE_TIMEOUT',
  [ResetCode.idleTimeout]: 'DEVICE_TIMEOUT',
  [ResetCode.totalTimeout]: 'DEVICE_TIME_LIMIT',
  [ResetCode.deviceProtocol]: 'DEVICE_PROTOCOL',
  [ResetCode.deviceClosed]: 'DEVICE_PROTOCOL',
  [ResetCode.tooManyStreams]: 'TUNNEL_BUSY',
  [ResetCode.paused]: 'AGENT_PAUSED',
  [ResetCode.policyForbids]: 'POLICY_FORBIDS',
  [ResetCode.policyHours]: 'POLICY_HOURS',
  [ResetCode.grantRefused]: 'GRANT_REFUSED',
  [ResetCode.grantUnknown]: 'GRANT_REFUSED',
  [ResetCode.readOnly]: 'SESSION_READ_ONLY',
  [ResetCode.signInRefused]: 'DEVICE_SIGN_IN_REFUSED',
}

/** What a stream's end before its time means to the caller. */
export function streamError(error: unknown): TravessiaError {
  if (error instanceof TravessiaError) return error
  const code = error instanceof StreamReset ? resetErrors[error.code] : undefined
  return new TravessiaError(code ?? 'TUNNEL_LOST', {}, { cause: error })
}

type Asked = {
  readonly body?: Readable | undefined
  readonly signal: Leaving
  /** What is asked instead, when the agent did nothing since it knows no grant of that name. */
  readonly again?: (() => Promise<DeviceResponse>) | undefined
}

/** Sends the request; resolves with the response head, its body still streaming. @throws TravessiaError */
export async function exchange(
  stream: TunnelStream,
  head: RequestHead,
  { body, signal, again }: Asked,
): Promise<DeviceResponse> {
  onceGone(signal, () => stream.reset(ResetCode.cancel))
  const { connectMs, firstByteMs } = head.timeouts
  const silence = setTimeout(silent, connectMs + firstByteMs + agentGraceMs, stream)
  try {
    stream.frame(FrameType.request, encodeHead(head), body === undefined && !head.webSocket)
    // An upload may take its time as long as it goes on.
    if (body) void sendBody(stream, body, () => silence.refresh())
    const frame = await stream.read()
    return answerOf(stream, frame, head.webSocket !== undefined)
  } catch (error) {
    stream.reset(ResetCode.cancel)
    if (again && isUnknownGrant(error)) return again()
    throw streamError(error)
  } finally {
    clearTimeout(silence)
  }
}

function silent(stream: TunnelStream): void {
  stream.reset(ResetCode.firstByteTimeout)
}

/** The agent did nothing: it has no grant of that name (any more). */
export function isUnknownGrant(error: unknown): boolean {
  return error instanceof StreamReset && error.code === ResetCode.grantUnknown
}

/** @throws TravessiaError; the stream is at its end then */
function answerOf(
  stream: TunnelStream,
  frame: Incoming | undefined,
  isUpgrade: boolean,
): DeviceResponse {
  const { head, body: first } = readHead(stream, frame)
  const { status, headers } = head
  // 1xx is between hops; the one that is an answer opens a WebSocket.
  if (status < 200 && !(isUpgrade && status === 101))
    throw new TravessiaError('DEVICE_PROTOCOL', { status })
  if (((frame?.flags ?? 0) & Flag.fin) === 0)
    return { status, headers, head, body: new TunnelBody(stream, first) }
  // What is left of an upload is not wanted any more.
  stream.reset(ResetCode.cancel)
  return { status, headers, head, whole: first, body: new WholeBody(first) }
}

function readHead(
  stream: TunnelStream,
  frame: Incoming | undefined,
): { head: AnswerHead; body: Uint8Array } {
  try {
    if (frame?.type !== FrameType.response) throw new TravessiaError('FRAME_INVALID')
    return readAnswer(frame.payload)
  } catch (error) {
    stream.reset(ResetCode.protocol)
    throw error
  }
}

class WholeBody implements DeviceBody {
  readonly #whole: Uint8Array

  constructor(whole: Uint8Array) {
    this.#whole = whole
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.#whole.length > 0) yield this.#whole
  }

  destroy(): void {
    // Nothing is under way.
  }
}

class TunnelBody implements DeviceBody {
  readonly #stream: TunnelStream
  readonly #pieces: AsyncGenerator<Uint8Array>

  constructor(stream: TunnelStream, first: Uint8Array) {
    this.#stream = stream
    this.#pieces = bodyOf(stream, first)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return this.#pieces
  }

  /** A generator that was never begun runs no `finally`. */
  destroy(): void {
    this.#stream.reset(ResetCode.cancel)
  }
}

async function sendBody(stream: TunnelStream, body: Readable, sent: () => void): Promise<void> {
  try {
    for await (const piece of framePieces(body, setImmediate)) {
      await stream.write(piece)
      sent()
    }
    stream.frame(FrameType.end, undefined, true)
  } catch (error) {
    if (!(error instanceof StreamReset))
      stream.reset(ResetCode.cancel, 'the request body broke off')
    body.destroy()
  }
}

async function* bodyOf(stream: TunnelStream, first: Uint8Array): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first
    for (let frame = await stream.read(); frame; frame = await stream.read()) {
      if (frame.type !== FrameType.data) throw new TravessiaError('FRAME_INVALID')
      yield frame.payload
    }
  } catch (error) {
    throw streamError(error)
  } finally {
    stream.reset(ResetCode.cancel)
  }
}
