/** The heads that tunnel frames carry, as types, as the JSON Schemas that check them on arrival, and as bytes. */
import { Type } from 'typebox'
import { TravessiaError } from './errors.ts'
import { idPattern } from './ids.ts'
import type { BodyHead } from './print-files.ts'
import { smallBytes } from './slab.ts'
import { maxFrameBytes, parseJson } from './tunnel-frame.ts'

/** Time limits of one exchange at the agent, in milliseconds. */
export type ExchangeTimeouts = {
  connectMs: number
  firstByteMs: number
  idleMs: number
  /** From the request to the end of the answer, however busy; absent or 0: none. */
  totalMs?: number
}

const cameraWishes = ['snapshot', 'stream'] as const
export type CameraWish = (typeof cameraWishes)[number]

/** Head of a request. `headers` is flat `[name, value, …]`: order, case and duplicates survive. */
export type RequestHead = {
  readonly deviceId: string
  /** Another registered port of the device than the one of its base address. */
  readonly port?: number
  readonly method: string
  /** Raw request target, passed on byte for byte. */
  readonly path: string
  readonly headers: readonly string[]
  /** What the session may do, signed (`grant.ts`), or the name of what was said before. */
  readonly grant: string
  /** Bytes of the body when known: the agent then sends Content-Length, else chunked. Absent: no body. */
  readonly bodyBytes?: number | 'chunked'
  /** Set for an upgrade: the subprotocols that the browser offered. */
  readonly webSocket?: { readonly protocols: readonly string[] }
  /**
   * Set for a picture, or an endless multipart of them: the agent's driver chooses address and credentials, and method
   * and path are not used. The answer is 200 with pictures, or 401 or 404 when no usual address gives one.
   */
  readonly camera?: CameraWish
  readonly timeouts: ExchangeTimeouts
}

export type ResponseHead = {
  readonly status: number
  readonly headers: readonly string[]
}

const headerName = Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", maxLength: 256 })
const milliseconds = Type.Integer({ minimum: 1, maximum: 3_600_000 })
const headers = Type.Array(Type.String({ maxLength: 16_384 }), { maxItems: 400 })

export const requestHeadSchema = Type.Object(
  {
    deviceId: Type.String({ pattern: idPattern }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    method: Type.String({ pattern: '^[A-Z]{3,16}$' }),
    path: Type.String({ pattern: '^/[!-\\[\\]-~]*(\\?[!-~]*)?$', maxLength: 16_384 }),
    headers,
    grant: Type.String({ pattern: '^([\\w-]+\\.[\\w-]+\\.[\\w-]+|[\\w-]{22})$', maxLength: 2_048 }),
    bodyBytes: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Literal('chunked')])),
    webSocket: Type.Optional(
      Type.Object(
        { protocols: Type.Array(headerName, { maxItems: 32 }) },
        { additionalProperties: false },
      ),
    ),
    camera: Type.Optional(Type.Enum(cameraWishes)),
    timeouts: Type.Object(
      {
        ...{ connectMs: milliseconds, firstByteMs: milliseconds, idleMs: milliseconds },
        totalMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

export const responseHeadSchema = Type.Object(
  { status: Type.Integer({ minimum: 100, maximum: 599 }), headers },
  { additionalProperties: false },
)

const encoder = new TextEncoder()

/** A head is written here first: text has its length in bytes only afterwards. */
const headBytes = new Uint8Array(maxFrameBytes)

/**
 * Payload of a request or response frame: the head as JSON, then the first body bytes.
 * @throws TravessiaError FRAME_INVALID: no frame holds such a head
 */
export function encodeHead(
  head: RequestHead | ResponseHead | BodyHead,
  body?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const json = JSON.stringify(head)
  const { read, written } = encoder.encodeInto(json, headBytes)
  if (read < json.length) throw invalid()
  const payload = smallBytes(2 + written + (body?.length ?? 0))
  payload[0] = written >> 8
  payload[1] = written & 255
  payload.set(headBytes.subarray(0, written), 2)
  if (body) payload.set(body, 2 + written)
  return payload
}

/** Where the JSON of a head stands in such a payload; the body follows. @throws TravessiaError FRAME_INVALID */
export function headPartOf(payload: Uint8Array): { readonly from: number; readonly to: number } {
  const to = 2 + (((payload[0] ?? 0) << 8) | (payload[1] ?? 0))
  if (payload.length < to) throw invalid()
  return { from: 2, to }
}

/**
 * Splits such a payload; the JSON is not yet checked against its schema.
 * @throws TravessiaError FRAME_INVALID
 */
export function decodeHead(payload: Uint8Array): { head: unknown; body: Uint8Array } {
  const { from, to } = headPartOf(payload)
  return { head: parseJson(payload.subarray(from, to)), body: payload.subarray(to) }
}

function invalid(): TravessiaError {
  return new TravessiaError('FRAME_INVALID', { problem: 'head' })
}
