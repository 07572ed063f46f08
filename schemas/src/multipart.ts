/**
 * `multipart/x-mixed-replace`, read and written: how cameras send one picture after another. Agent,
 * node and PWA read with the same bounds. The delimiter is the first line that begins with `--`: what cameras
 * announce as `boundary` is with its dashes, without them, or missing.
 */
import { TravessiaError } from './errors.ts'
import { maxPictureBytes } from './picture.ts'

export type Part = {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

const maxHeadBytes = 4 * 1024
const maxDelimiterBytes = 200
const [lineFeed, carriageReturn, dash] = [10, 13, 45]
const empty = new Uint8Array()
const ascii = new TextDecoder('latin1')
const encoder = new TextEncoder()

type State = 'between' | 'head' | 'body' | 'ended'

/** Each part is a copy. Holds at most one part and the chunk that came last. */
export class MultipartReader {
  readonly #maxBytes: number
  #state: State = 'between'
  #room = empty
  /** The filled part of the room. */
  #held = empty
  /** Of what is held: looked through already. */
  #seen = 0
  #delimiter: Uint8Array | undefined
  #headers: Record<string, string> = {}

  constructor(maxBytes = maxPictureBytes) {
    this.#maxBytes = maxBytes
  }

  /** The closing delimiter came: what follows is ignored. */
  get isEnded(): boolean {
    return this.#state === 'ended'
  }

  /** The parts that this chunk completes. @throws TravessiaError DEVICE_PROTOCOL: no multipart, or a part without an end */
  push(chunk: Uint8Array): Part[] {
    const parts: Part[] = []
    if (this.isEnded) return parts
    this.#hold(chunk)
    for (let isMoving = true; isMoving; ) {
      const before = this.#state
      if (before === 'between') this.#skipDelimiter()
      else if (before === 'head') this.#readHead()
      else if (before === 'body') {
        const body = this.#readBody()
        if (body) parts.push({ headers: this.#headers, body })
      }
      isMoving = this.#state !== before
    }
    this.#requireBound()
    return parts
  }

  /** Twice the room when it is full: many small chunks cost no more than few large ones. */
  #hold(chunk: Uint8Array): void {
    const start = this.#held.byteOffset
    const [filled, size] = [start + this.#held.length, this.#held.length + chunk.length]
    if (start + size <= this.#room.length) {
      this.#room.set(chunk, filled)
      this.#held = this.#room.subarray(start, start + size)
      return
    }
    const room = new Uint8Array(2 * size)
    room.set(this.#held)
    room.set(chunk, this.#held.length)
    this.#room = room
    this.#held = room.subarray(0, size)
  }

  /** What comes before the first delimiter, or after a body with a length, says nothing. */
  #skipDelimiter(): void {
    const found = this.#findDelimiter()
    if (found) this.#passDelimiter(found)
  }

  #readHead(): void {
    for (let from = 0; ; ) {
      const end = this.#held.indexOf(lineFeed, from)
      if (end < 0 || end > maxHeadBytes) return
      const isBlank = end === from || (end === from + 1 && this.#held[from] === carriageReturn)
      if (isBlank) {
        this.#headers = headersOf(ascii.decode(this.#held.subarray(0, from)))
        this.#take(end + 1)
        this.#state = 'body'
        return
      }
      from = end + 1
    }
  }

  #readBody(): Uint8Array | undefined {
    const length = this.#lengthOfBody()
    if (length !== undefined) {
      if (this.#held.length < length) return undefined
      const body = this.#held.slice(0, length)
      this.#take(length)
      this.#state = 'between'
      return body
    }
    const found = this.#findDelimiter()
    if (!found) return undefined
    const body = this.#held.slice(0, lineEndBefore(this.#held, found.at))
    this.#passDelimiter(found)
    return body
  }

  #lengthOfBody(): number | undefined {
    const said = this.#headers['content-length']
    if (said === undefined || !/^\d{1,15}$/.test(said)) return undefined
    if (Number(said) > this.#maxBytes) throw malformed('part too large')
    return Number(said)
  }

  /** A whole line that is the delimiter, with `--` behind it for the last one. */
  #findDelimiter(): Delimiter | undefined {
    for (let at = this.#lineFrom(this.#seen); at >= 0; at = this.#lineFrom(at + 1)) {
      const end = this.#held.indexOf(lineFeed, at)
      const line = this.#held.subarray(at, end < 0 ? this.#held.length : end)
      if (end < 0 && line.length <= maxDelimiterBytes && this.#mayBecome(line)) {
        this.#seen = at
        return this.#isClosing(line) ? { at, end: this.#held.length, isLast: true } : undefined
      }
      const isLast = this.#isClosing(line)
      if (end >= 0 && (isLast || this.#isDelimiter(line))) return { at, end: end + 1, isLast }
    }
    this.#seen = this.#held.length
    return undefined
  }

  /** Where a line that begins with a dash begins, at or after an offset; the start of what is held begins one. */
  #lineFrom(from: number): number {
    for (let i = this.#held.indexOf(dash, from); i >= 0; i = this.#held.indexOf(dash, i + 1))
      if (i === 0 || this.#held[i - 1] === lineFeed) return i
    return -1
  }

  #mayBecome(line: Uint8Array): boolean {
    const known = this.#delimiter
    if (!known) return true
    const size = Math.min(line.length, known.length)
    return isSame(line.subarray(0, size), known.subarray(0, size))
  }

  #isDelimiter(line: Uint8Array): boolean {
    const text = trimmed(line)
    if (this.#delimiter) return isSame(text, this.#delimiter)
    if (text.length < 3 || text.length > maxDelimiterBytes || text[1] !== dash) return false
    this.#delimiter = text.slice()
    return true
  }

  #isClosing(line: Uint8Array): boolean {
    const text = trimmed(line)
    const known = this.#delimiter
    if (known === undefined || text.length !== known.length + 2) return false
    const isDashed = text.at(-1) === dash && text.at(-2) === dash
    return isDashed && isSame(text.subarray(0, known.length), known)
  }

  #passDelimiter({ end, isLast }: Delimiter): void {
    this.#take(end)
    this.#state = isLast ? 'ended' : 'head'
    if (isLast) this.#held = this.#room = empty
  }

  #take(bytes: number): void {
    this.#held = this.#held.subarray(bytes)
    this.#seen = 0
  }

  #requireBound(): void {
    const isFirst = this.#delimiter === undefined
    const max =
      isFirst || this.#state === 'head' ? maxHeadBytes : this.#maxBytes + maxDelimiterBytes
    if (this.#held.length > max) throw malformed(this.#state)
  }
}

type Delimiter = { readonly at: number; readonly end: number; readonly isLast: boolean }

/** A part with its length, as we send it: the delimiter ahead, so that the reader has each part with its last byte. */
export function encodePart(
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Uint8Array {
  const lines = Object.entries({ ...headers, 'content-length': String(body.length) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const before = encoder.encode(`--${boundary}\r\n${head}\r\n`)
  const part = new Uint8Array(before.length + body.length + 2)
  part.set(before)
  part.set(body, before.length)
  part.set([carriageReturn, lineFeed], before.length + body.length)
  return part
}

const boundary = 'travessia'
export const multipartType = `multipart/x-mixed-replace; boundary=${boundary}`
/** Said after the last part: what ends without it broke off. */
export const multipartEnd = encoder.encode(`--${boundary}--\r\n`)

function headersOf(head: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of head.split(/\r?\n/)) {
    const [, name, value = ''] = /^([\w-]{1,64}):(.*)$/.exec(line) ?? []
    if (name !== undefined) headers[name.toLowerCase()] = value.trim()
  }
  return headers
}

function trimmed(line: Uint8Array): Uint8Array {
  let end = line.length
  while (end > 0 && [carriageReturn, 32, 9].includes(line[end - 1] ?? 0)) end -= 1
  return line.subarray(0, end)
}

function lineEndBefore(bytes: Uint8Array, at: number): number {
  const end = at > 0 ? at - 1 : at
  return end > 0 && bytes[end - 1] === carriageReturn ? end - 1 : end
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i])
}

function malformed(problem: string): TravessiaError {
  return new TravessiaError('DEVICE_PROTOCOL', { problem })
}
