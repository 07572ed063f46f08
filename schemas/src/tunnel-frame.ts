/**
 * Binary frames of HTTP and WebSocket exchanges over MQTT, one frame per PUBLISH, big endian:
 *
 *     u8 version << 4 | type   u8 flags   u16 0   u32 streamId   u32 seq   payload…
 *
 * `streamId` counts per (node, agent) and is unique with the epoch of HELLO. `seq` counts per stream
 * and direction from 0: a gap or a duplicate resets the stream, so a broker that drops or repeats
 * QoS 0 messages can never corrupt a body silently. Credit and reset frames carry seq 0 and are not
 * counted. Order, credit and time limits: docs/protocol.md.
 */
import { TravessiaError } from './errors.ts'
import { smallBytes } from './slab.ts'

export const frameHeadBytes = 12
/** Free before each large frame in its own buffer, for the head of the packet that will carry it (`frame-batch.ts`). */
export const frameRoomBytes = 128
/** Above this a frame is large: a copy of it costs more than a second part of the same write. */
export const largeFrameBytes = 16 * 1024
/** Payload of one data frame: with head and topic it still fits one 64 KiB read. */
export const maxDataBytes = 60 * 1024
/** A frame with its head never exceeds this. */
export const maxFrameBytes = 64 * 1024 - 256
/** Bytes a sender may have under way on a new stream before the receiver grants more. */
export const initialWindowBytes = 256 * 1024
/** The largest window that a receiver may grant to one stream. */
export const maxWindowBytes = 1024 * 1024
/** What the windows of all streams of an agent may have beyond their first size, in each direction. */
export const agentWindowBytes = 4 * 1024 * 1024
/** Bytes that wait in the socket before the streams take turns. */
export const turnBytes = 256 * 1024
const protocolVersion = 1

export const FrameType = {
  /** node → agent: u16 length, RequestHead (or the BodyHead of a command) as JSON, then body bytes. */
  request: 1,
  /** Body bytes, or (part of) a WebSocket message: flags say text or binary, `more` that it goes on. */
  data: 2,
  /** End of a body that did not end with the `fin` flag. */
  end: 3,
  /** agent → node: u16 length, ResponseHead as JSON, then body bytes. */
  response: 4,
  /** u32 bytes that the receiver has consumed since it last said so, u32 its window. */
  credit: 5,
  /** u16 ResetCode, then text for logs. Ends both directions. */
  reset: 6,
  /** Stream 0: f64 sender's time; with the `pong` flag: f64 the ping's time, f64 own time (ms since 1970). */
  ping: 7,
  /** Stream 0: Hello as JSON. The node speaks first, the agent answers; no request before the answer. */
  hello: 8,
  /** u16 close code, then the reason. */
  wsClose: 9,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

export const Flag = { fin: 1, text: 2, binary: 4, pong: 8, more: 16 } as const

/** Why a stream ended early; the gateway turns each into an error code (`resetError`). */
export const ResetCode = {
  cancel: 1,
  lost: 2,
  protocol: 3,
  targetForbidden: 4,
  deviceUnknown: 5,
  deviceUnreachable: 6,
  firstByteTimeout: 7,
  idleTimeout: 8,
  creditTimeout: 9,
  deviceProtocol: 10,
  deviceClosed: 11,
  tooManyStreams: 12,
  agentStopping: 13,
  /** `travessia-agent pause`: refused on site. */
  paused: 14,
  /** The site's own rules: never, or not at this hour. */
  policyForbids: 15,
  policyHours: 16,
  /** Not signed for this agent and device, or its time is over. */
  grantRefused: 17,
  /** The session only reads. */
  readOnly: 18,
  /** The device refused the registered credentials. */
  signInRefused: 19,
  /** No grant of that name: nothing was done, the request may come again with the grant itself. */
  grantUnknown: 20,
  /** The exchange took longer than the device's total limit. */
  totalTimeout: 21,
} as const
export type ResetCode = (typeof ResetCode)[keyof typeof ResetCode]

export type Frame = {
  readonly type: FrameType
  readonly flags: number
  readonly streamId: number
  readonly seq: number
  /** A view into the message that carried it, not a copy. */
  readonly payload: Uint8Array
}

/** The receiver's word: these bytes are no longer under way, and so many may be. */
export type Credit = { readonly consumed: number; readonly window: number }

/** First frame of an epoch. `epoch` is chosen by the node, echoed by the agent. */
type Hello = {
  readonly epoch: string
  readonly windowBytes: number
  readonly maxFrameBytes: number
}

const lastType = Math.max(...Object.values(FrameType))
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

const dataRooms = new WeakSet<ArrayBufferLike>()

/** Room for the payload of one data frame. The frame of what is written to its start is made there, once, uncopied. */
export function dataRoom(): Uint8Array {
  const buffer = new ArrayBuffer(frameRoomBytes + frameHeadBytes + maxDataBytes)
  dataRooms.add(buffer)
  return new Uint8Array(buffer, frameRoomBytes + frameHeadBytes)
}

/** Writes a frame; the payload is copied behind the head, if it is not in a `dataRoom`. Before a large one in its buffer are `frameRoomBytes`. */
export function encodeFrame(
  type: FrameType,
  frame: { flags?: number; streamId: number; seq?: number; payload?: Uint8Array | undefined },
): Uint8Array<ArrayBuffer> {
  const { flags = 0, streamId, seq = 0, payload } = frame
  const isInPlace = payload !== undefined && isAtStartOfRoom(payload)
  const bytes = isInPlace
    ? new Uint8Array(payload.buffer as ArrayBuffer, frameRoomBytes, frameHeadBytes + payload.length)
    : room(frameHeadBytes + (payload?.length ?? 0))
  bytes[0] = (protocolVersion << 4) | type
  bytes[1] = flags
  bytes[2] = 0
  bytes[3] = 0
  putUint32(bytes, 4, streamId)
  putUint32(bytes, 8, seq)
  if (payload && !isInPlace) bytes.set(payload, frameHeadBytes)
  return bytes
}

function isAtStartOfRoom({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  const isLarge = byteLength > largeFrameBytes
  return isLarge && byteOffset === frameRoomBytes + frameHeadBytes && dataRooms.delete(buffer)
}

function room(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes <= largeFrameBytes) return smallBytes(bytes)
  return new Uint8Array(new ArrayBuffer(frameRoomBytes + bytes), frameRoomBytes)
}

/** Not a `DataView`: an object more for each frame. */
function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function uint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return high * 65_536 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
}

/**
 * Reads a frame.
 * @throws TravessiaError FRAME_INVALID
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < frameHeadBytes || bytes.length > maxFrameBytes) throw invalid('length')
  const first = bytes[0] ?? 0
  const type = first & 15
  if (first >> 4 !== protocolVersion || type === 0 || type > lastType) throw invalid('type')
  if (bytes[2] !== 0 || bytes[3] !== 0) throw invalid('reserved')
  return {
    type: type as FrameType,
    flags: bytes[1] ?? 0,
    streamId: uint32(bytes, 4),
    seq: uint32(bytes, 8),
    payload: bytes.subarray(frameHeadBytes),
  }
}

export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  return encodeFrame(FrameType.hello, {
    streamId: 0,
    payload: encoder.encode(JSON.stringify(hello)),
  })
}

/** @throws TravessiaError FRAME_INVALID */
export function decodeHello(payload: Uint8Array): Hello {
  const hello = parseJson(payload) as Partial<Hello> | null
  if (
    typeof hello?.epoch !== 'string' ||
    !isCount(hello.windowBytes) ||
    !isCount(hello.maxFrameBytes)
  )
    throw invalid('hello')
  return { epoch: hello.epoch, windowBytes: hello.windowBytes, maxFrameBytes: hello.maxFrameBytes }
}

export function encodeCredit(
  streamId: number,
  { consumed, window }: Credit,
): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(8)
  const view = new DataView(payload.buffer)
  view.setUint32(0, consumed)
  view.setUint32(4, window)
  return encodeFrame(FrameType.credit, { streamId, payload })
}

/** @throws TravessiaError FRAME_INVALID */
export function decodeCredit(payload: Uint8Array): Credit {
  if (payload.length !== 8) throw invalid('credit')
  const view = new DataView(payload.buffer, payload.byteOffset, 8)
  return { consumed: view.getUint32(0), window: view.getUint32(4) }
}

/** A reset (`code` of ResetCode) or a WebSocket close (`code` of RFC 6455): both carry a code and a text. */
export function encodeCodeAndText(code: number, text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text).subarray(0, 1024)
  const payload = new Uint8Array(2 + bytes.length)
  new DataView(payload.buffer).setUint16(0, code)
  payload.set(bytes, 2)
  return payload
}

/** @throws TravessiaError FRAME_INVALID */
export function decodeCodeAndText(payload: Uint8Array): { code: number; text: string } {
  if (payload.length < 2) throw invalid('code')
  const code = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint16(0)
  return { code, text: new TextDecoder().decode(payload.subarray(2)) }
}

export function encodeReset(streamId: number, code: ResetCode, text = ''): Uint8Array<ArrayBuffer> {
  return encodeFrame(FrameType.reset, { streamId, payload: encodeCodeAndText(code, text) })
}

export function encodePing(now: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(8)
  new DataView(payload.buffer).setFloat64(0, now)
  return encodeFrame(FrameType.ping, { streamId: 0, payload })
}

/** The answer to a ping: its own time back, so that the asker can bound the offset by half the round trip. */
export function encodePong(ping: Uint8Array, now: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(16)
  payload.set(ping.subarray(0, 8))
  new DataView(payload.buffer).setFloat64(8, now)
  return encodeFrame(FrameType.ping, { flags: Flag.pong, streamId: 0, payload })
}

/** @throws TravessiaError FRAME_INVALID */
export function decodePong(payload: Uint8Array): { pingAt: number; peerAt: number } {
  if (payload.length !== 16) throw invalid('pong')
  const view = new DataView(payload.buffer, payload.byteOffset, 16)
  const pong = { pingAt: view.getFloat64(0), peerAt: view.getFloat64(8) }
  if (!Number.isFinite(pong.pingAt) || !Number.isFinite(pong.peerAt)) throw invalid('pong')
  return pong
}

/** @throws TravessiaError FRAME_INVALID */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new TravessiaError('FRAME_INVALID', { problem: 'json' }, { cause })
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

function invalid(problem: string): TravessiaError {
  return new TravessiaError('FRAME_INVALID', { problem })
}
