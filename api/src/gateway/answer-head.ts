/**
 * The head of a device's answer, looked at once: a device says the same few again and again, and what is found out
 * about one depends on nothing but its text.
 */
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { redactHeaders } from '@travessia/schemas/redact'
import { decodeHead, headPartOf, responseHeadSchema } from '@travessia/schemas/tunnel-head'
import { headerOf, plainAnswer, requireCleanHeaders } from './headers.ts'

const isResponseHead = compile(responseHeadSchema)

const maxKnown = 512
/** Of a longer head no copy is kept. */
const maxKnownBytes = 4 * 1024
const known = new Map<string, AnswerHead>()

export class AnswerHead {
  readonly status: number
  /** Flat `[name, value, …]`, checked. */
  readonly headers: readonly string[]
  #redacted: string[] | undefined
  #plain: readonly string[] | undefined

  constructor(status: number, headers: readonly string[]) {
    this.status = status
    this.headers = headers
  }

  /** As the log may hold them. */
  get redacted(): string[] {
    this.#redacted ??= redactHeaders(this.headers)
    return this.#redacted
  }

  /** As any browser is sent them, when nothing in them has to be mapped; else empty. */
  get plain(): readonly string[] {
    this.#plain ??= plainAnswer(this.headers) ?? []
    return this.#plain
  }

  get contentLength(): number | undefined {
    const length = headerOf(this.headers, 'content-length')
    return length === undefined ? undefined : Number(length)
  }
}

/** Of a response frame. @throws TravessiaError FRAME_INVALID, DEVICE_PROTOCOL */
export function readAnswer(payload: Uint8Array): { head: AnswerHead; body: Uint8Array } {
  const { from, to } = headPartOf(payload)
  const { buffer, byteOffset } = payload
  const text = Buffer.from(buffer, byteOffset + from, to - from).toString('latin1')
  const seen = known.get(text)
  if (seen) return { head: seen, body: payload.subarray(to) }
  const head = checked(payload)
  if (known.size >= maxKnown) known.clear()
  if (text.length <= maxKnownBytes) known.set(text, head)
  return { head, body: payload.subarray(to) }
}

function checked(payload: Uint8Array): AnswerHead {
  const { head } = decodeHead(payload)
  if (!isResponseHead(head)) throw new TravessiaError('FRAME_INVALID')
  requireCleanHeaders(head.headers)
  return new AnswerHead(head.status, head.headers)
}
