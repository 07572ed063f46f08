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
  maxDataBytes,
  ResetCode,
} from './tunnel-frame.ts'
import type { Standing } from './tunnel-standing.ts'
import type { TunnelWay } from './tunnel-way.ts'
import { ReceiveWindow, SendWindow } from './tunnel-window.ts'

const creditTimeoutMs = 60_000
/** A view pins the whole read that it came with; what is smaller is copied out of it, if it has to wait. */
const minViewBytes = 16 * 1024

/** A frame that carries something: head, body bytes, end, WebSocket message or close. */
export type Incoming = Pick<Frame, 'type' | 'flags' | 'payload'>

type Reader = {
  readonly resolve: (next: Incoming | undefined) => void
  readonly reject: (error: Error) => void
}

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
  readonly #way: TunnelWay
  readonly #onClosed: () => void
  /** Of bodies; most exchanges have none that takes more than the frame of its head. */
  #sendWindow: SendWindow | undefined
  #receiveWindow: ReceiveWindow | undefined
  #sendSeq = 0
  #receiveSeq = 0
  readonly #queue: Incoming[] = []
  #sentEnd = false
  #gotEnd = false
  #reset: StreamReset | undefined
  #onReset: (() => void) | undefined
  #reader: Reader | undefined
  #wakeWriter: (() => void) | undefined

  /** @param onClosed called once, when both directions have ended or the stream was reset */
  constructor(id: number, way: TunnelWay, onClosed: () => void) {
    this.id = id
    this.#way = way
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

  /** Sends body bytes or a message, in pieces, as credit comes and the others have had their turn. @throws StreamReset */
  async write(data: Uint8Array, flags = 0): Promise<void> {
    let offset = 0
    do {
      if (this.#sending.room === 0) await this.#untilCredit()
      const turn = this.#way.turn()
      if (turn !== undefined) await turn
      if (this.#reset) throw this.#reset
      const size = Math.min(data.length - offset, maxDataBytes, this.#sending.room)
      const isLast = offset + size === data.length
      this.#sending.sent(size)
      this.#transmit(
        FrameType.data,
        isLast ? flags : flags | Flag.more,
        data.subarray(offset, offset + size),
      )
      offset += size
    } while (offset < data.length)
  }

  /** The next frame in order; undefined: the other end has ended its direction. One reader at a time. @throws StreamReset */
  read(): Promise<Incoming | undefined> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#serveReader()
    })
  }

  /** The frame that opens the stream, for who need not wait for it. @throws StreamReset */
  first(frame: Frame): Incoming {
    let first: Incoming | undefined
    this.#reader = {
      resolve: (taken) => {
        first = taken
      },
      reject: () => undefined,
    }
    this.receive(frame)
    if (first) return first
    throw this.#reset ?? new StreamReset(ResetCode.protocol, 'no first frame')
  }

  /** Ends both directions; the other end learns why. */
  reset(code: ResetCode, text = ''): void {
    if (this.isClosed) return
    this.#way.send(encodeReset(this.id, code, text))
    this.fail(code, text)
  }

  /** Ends both directions here only: the other end is gone or knows. */
  fail(code: number, text = ''): void {
    if (this.isClosed) return
    this.#reset = new StreamReset(code, text)
    this.#queue.length = 0
    this.#receiveWindow?.close()
    this.#wake()
    this.#onReset?.()
    this.#onClosed()
  }

  /** A frame of this stream. The bytes are kept as they are: whoever brings them does not use their buffer again. */
  receive(frame: Frame): void {
    if (this.#reset) return
    switch (frame.type) {
      case FrameType.credit:
        return this.#credited(this.#sending.granted(decodeCredit(frame.payload)))
      case FrameType.reset: {
        const { code, text } = decodeCodeAndText(frame.payload)
        return this.fail(code, text)
      }
      default:
        return this.#inOrder(frame)
    }
  }

  get standing(): Standing {
    return { streamId: this.id, sent: this.#sendSeq, ...this.#receiving.account }
  }

  /** How the other end stands: of what it sent before it said so nothing can still come. */
  compare({ sent, ...account }: Standing): void {
    if (sent > this.#receiveSeq)
      return this.reset(ResetCode.lost, `${sent} frames sent, ${this.#receiveSeq} came`)
    // Who has all grants nothing any more.
    if (!this.#sentEnd) this.#credited(this.#sending.settled(account))
  }

  #credited(isBelievable: boolean): void {
    if (!isBelievable) return this.reset(ResetCode.protocol, 'credit')
    this.#wake()
  }

  #inOrder({ type, flags, seq, payload }: Frame): void {
    const isGranted =
      type === FrameType.data ? this.#receiving.received(payload.length) : seq === 0 || ends(type)
    if (seq !== this.#receiveSeq || this.#gotEnd || !isGranted) {
      return this.reset(ResetCode.lost, `frame ${seq}, expected ${this.#receiveSeq}`)
    }
    this.#receiveSeq += 1
    // One for each stream: the last of its direction, and it is taken at once.
    const isTaken = (flags & Flag.fin) !== 0 && this.#reader !== undefined
    const kept = payload.length < minViewBytes && !isTaken ? payload.slice() : payload
    if (type !== FrameType.end) this.#queue.push({ type, flags, payload: kept })
    if (ends(type) || (flags & Flag.fin) !== 0) {
      this.#gotEnd = true
      this.#receiveWindow?.close()
    }
    this.#serveReader()
    this.#closeIfDone()
  }

  #grant(bytes: number): void {
    if (this.#gotEnd) return
    const credit = this.#receiving.consumed(bytes, performance.now())
    if (credit) this.#way.send(encodeCredit(this.id, credit))
  }

  async #untilCredit(): Promise<void> {
    const timer = setTimeout(() => this.reset(ResetCode.creditTimeout), creditTimeoutMs)
    while (!this.#reset && this.#sending.room === 0) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve
      })
    }
    clearTimeout(timer)
  }

  #transmit(type: FrameType, flags: number, payload: Uint8Array | undefined): void {
    const seq = this.#sendSeq
    this.#sendSeq += 1
    const frame = encodeFrame(type, { flags, streamId: this.id, seq, payload })
    if (!this.#way.send(frame)) this.fail(ResetCode.lost, 'the link is gone')
  }

  #endSending(): void {
    this.#sentEnd = true
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (this.#sentEnd && this.#gotEnd && !this.#reset) this.#onClosed()
  }

  get #sending(): SendWindow {
    this.#sendWindow ??= new SendWindow()
    return this.#sendWindow
  }

  get #receiving(): ReceiveWindow {
    this.#receiveWindow ??= new ReceiveWindow(this.#way.spare)
    return this.#receiveWindow
  }

  /** Gives the reader what there is for it by now. */
  #serveReader(): void {
    const reader = this.#reader
    if (!reader) return
    const next = this.#queue.shift()
    if (!next && !this.#reset && !this.#gotEnd) return
    this.#reader = undefined
    if (next?.type === FrameType.data) this.#grant(next.payload.length)
    if (next || !this.#reset) reader.resolve(next)
    else reader.reject(this.#reset)
  }

  #wake(): void {
    this.#serveReader()
    this.#wakeWriter?.()
    this.#wakeWriter = undefined
  }
}

function ends(type: FrameType): boolean {
  return type === FrameType.end || type === FrameType.wsClose
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
