/**
 * One exchange as either end of the tunnel sees it: frames in order, byte credit both ways, one end each
 * way, one reset. Used by the node and by the agent; it knows neither sockets nor topics.
 */
import { TravessiaError } from './errors.ts'
import {
  decodeCodeAndText,
  decodeCredit,
  encodeCredit,
  encodeFrame,
  encodeReset,
  Flag,
  type Frame,
  FrameType,
  initialWindowBytes,
  maxDataBytes,
  ResetCode,
} from './tunnel-frame.ts'

/** Credit is granted when a quarter of the window has been consumed, so that credit frames stay few. */
const grantBytes = initialWindowBytes / 4
const creditTimeoutMs = 60_000

/** A frame that carries something: head, body bytes, end, WebSocket message or close. */
export type Incoming = Pick<Frame, 'type' | 'flags' | 'payload'>

/** Thrown by a stream that was reset; `code` of ResetCode. */
export class StreamReset extends Error {
  override readonly name = 'StreamReset'
  readonly code: number
  constructor(code: number, text: string) {
    super(text)
    this.code = code
  }
}

export class TunnelStream {
  readonly id: number
  readonly #send: (frame: Uint8Array) => boolean
  readonly #onClosed: () => void
  #sendSeq = 0
  #receiveSeq = 0
  #credit = initialWindowBytes
  #unread = 0
  #consumed = 0
  #queue: Incoming[] = []
  #sentEnd = false
  #gotEnd = false
  #reset: StreamReset | undefined
  #onReset: (() => void) | undefined
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  /**
   * @param send false: the link is gone
   * @param onClosed called once, when both directions have ended or the stream was reset
   */
  constructor(id: number, send: (frame: Uint8Array) => boolean, onClosed: () => void) {
    this.id = id
    this.#send = send
    this.#onClosed = onClosed
  }

  get isClosed(): boolean {
    return this.#reset !== undefined || (this.#sentEnd && this.#gotEnd)
  }

  /** Called at a reset from either end, also while nobody reads; at once if it has happened. */
  onReset(listener: () => void): void {
    this.#onReset = listener
    if (this.#reset) listener()
  }

  /** Sends a frame that credit does not limit: a head, an end, a close. `fin` ends this direction. */
  frame(type: FrameType, payload: Uint8Array | undefined, isFin: boolean): void {
    if (this.#reset) throw this.#reset
    this.#transmit(type, isFin ? Flag.fin : 0, payload)
    if (isFin) this.#endSending()
  }

  /** Sends body bytes or a message, in pieces, as credit comes. @throws StreamReset */
  async write(data: Uint8Array, flags = 0): Promise<void> {
    let offset = 0
    do {
      await this.#untilCredit(data.length > offset)
      const size = Math.min(data.length - offset, maxDataBytes, this.#credit)
      const isLast = offset + size === data.length
      this.#credit -= size
      this.#transmit(
        FrameType.data,
        isLast ? flags : flags | Flag.more,
        data.subarray(offset, offset + size),
      )
      offset += size
    } while (offset < data.length)
  }

  /** The next frame in order; undefined: the other end has ended its direction. @throws StreamReset */
  async read(): Promise<Incoming | undefined> {
    while (this.#queue.length === 0) {
      if (this.#reset) throw this.#reset
      if (this.#gotEnd) return undefined
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
    const next = this.#queue.shift()
    if (next?.type === FrameType.data) this.#grant(next.payload.length)
    return next
  }

  /** Ends both directions; the other end learns why. */
  reset(code: ResetCode, text = ''): void {
    if (this.isClosed) return
    this.#send(encodeReset(this.id, code, text))
    this.fail(code, text)
  }

  /** Ends both directions here only: the other end is gone or knows. */
  fail(code: number, text = ''): void {
    if (this.isClosed) return
    this.#reset = new StreamReset(code, text)
    this.#queue = []
    this.#wake()
    this.#onReset?.()
    this.#onClosed()
  }

  /** A frame of this stream. The payload is copied: it is a view into somebody's buffer. */
  receive(frame: Frame): void {
    if (this.#reset) return
    switch (frame.type) {
      case FrameType.credit:
        this.#credit += decodeCredit(frame.payload)
        // More than was ever sent cannot have been consumed: it would unbind what is under way.
        if (this.#credit > initialWindowBytes) return this.reset(ResetCode.protocol, 'credit')
        return this.#wake()
      case FrameType.reset: {
        const { code, text } = decodeCodeAndText(frame.payload)
        return this.fail(code, text)
      }
      default:
        return this.#inOrder(frame)
    }
  }

  #inOrder({ type, flags, seq, payload }: Frame): void {
    const isData = type === FrameType.data
    if (isData) this.#unread += payload.length
    if (seq !== this.#receiveSeq || this.#gotEnd || this.#unread > initialWindowBytes) {
      return this.reset(ResetCode.lost, `frame ${seq}, expected ${this.#receiveSeq}`)
    }
    this.#receiveSeq += 1
    if (type !== FrameType.end) this.#queue.push({ type, flags, payload: payload.slice() })
    if (type === FrameType.end || type === FrameType.wsClose || (flags & Flag.fin) !== 0) {
      this.#gotEnd = true
    }
    this.#wake()
    this.#closeIfDone()
  }

  #grant(bytes: number): void {
    this.#consumed += bytes
    if (this.#consumed < grantBytes || this.#gotEnd) return
    this.#unread -= this.#consumed
    this.#send(encodeCredit(this.id, this.#consumed))
    this.#consumed = 0
  }

  async #untilCredit(isNeeded: boolean): Promise<void> {
    const timer = setTimeout(() => this.reset(ResetCode.creditTimeout), creditTimeoutMs)
    try {
      while (!this.#reset && isNeeded && this.#credit <= 0) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
    if (this.#reset) throw this.#reset
  }

  #transmit(type: FrameType, flags: number, payload: Uint8Array | undefined): void {
    const seq = this.#sendSeq
    this.#sendSeq += 1
    const frame = encodeFrame(type, {
      flags,
      streamId: this.id,
      seq,
      ...(payload ? { payload } : {}),
    })
    if (!this.#send(frame)) this.fail(ResetCode.lost, 'the link is gone')
  }

  #endSending(): void {
    this.#sentEnd = true
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (this.#sentEnd && this.#gotEnd && !this.#reset) this.#onClosed()
  }

  #wake(): void {
    this.#wakeReader?.()
    this.#wakeWriter?.()
    this.#wakeReader = undefined
    this.#wakeWriter = undefined
  }
}

/** Joins the pieces of a WebSocket message. */
export class MessageAssembler {
  #parts: Uint8Array[] = []
  #bytes = 0

  /** @returns the message when its last piece is there. @throws TravessiaError REQUEST_TOO_LARGE */
  add({ payload, flags }: Incoming, maxBytes: number): Uint8Array | undefined {
    this.#parts.push(payload)
    this.#bytes += payload.length
    if (this.#bytes > maxBytes) throw new TravessiaError('REQUEST_TOO_LARGE')
    if ((flags & Flag.more) !== 0) return undefined
    const message = new Uint8Array(this.#bytes)
    let offset = 0
    for (const part of this.#parts) {
      message.set(part, offset)
      offset += part.length
    }
    this.#parts = []
    this.#bytes = 0
    return message
  }
}
