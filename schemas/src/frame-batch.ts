/**
 * Tunnel frames of one loop turn in as few writes as possible: each write costs more than everything else that is
 * done for a small frame. Small ones are joined; the payload of a large one is handed on as it is.
 */
import { giveBack } from './give-back.ts'
import { publishHead, publishHeadBytes, writePublishHead } from './publish-packet.ts'
import { smallBytes } from './slab.ts'
import { frameRoomBytes, largeFrameBytes } from './tunnel-frame.ts'

/** Also the most that one WebSocket message may carry with ease: the broker takes 128 KiB. */
const joinBytes = 64 * 1024

type Sink = {
  cork(): void
  uncork(): void
  /** @returns false: more than it likes is waiting */
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): boolean
}

export class FrameBatch {
  readonly #sink: Sink
  readonly #later: (flush: () => void) => void
  readonly #full: () => void
  readonly #flush = () => this.flush()
  /** Topic and frame, in turns. */
  #parts: Uint8Array[] = []
  #bytes = 0

  /**
   * @param later calls back at the end of the loop turn
   * @param full called when the sink did not take everything at once
   */
  constructor(sink: Sink, later: (flush: () => void) => void, full: () => void = () => undefined) {
    this.#sink = sink
    this.#later = later
    this.#full = full
  }

  /** What waits here for the end of the turn. */
  get bytes(): number {
    return this.#bytes
  }

  /** The frame must not change any more, and neither what is before it in a buffer of its own. */
  add(topic: Uint8Array, frame: Uint8Array): void {
    if (this.#bytes === 0) this.#later(this.#flush)
    this.#parts.push(topic, frame)
    this.#bytes += publishHeadBytes(topic, frame.length) + frame.length
  }

  /** At once, before something else is written to the sink. */
  flush(): void {
    if (this.#bytes === 0) return
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    const pieces = piecesOf(parts)
    let isTaken = true
    if (pieces.length === 1) isTaken = this.#write(pieces[0] ?? none)
    else {
      this.#sink.cork()
      for (const piece of pieces) isTaken = this.#write(piece)
      this.#sink.uncork()
    }
    if (!isTaken) this.#full()
  }

  #write(piece: Uint8Array): boolean {
    if (piece.length <= largeFrameBytes) return this.#sink.write(piece)
    return this.#sink.write(piece, (error) => {
      // After an error the system may still have it.
      if (!error) giveBack(piece)
    })
  }
}

const none = new Uint8Array(0)

/** Neighbours that are small become one piece. */
function piecesOf(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = []
  let from = 0
  let bytes = 0
  for (let at = 0; at < parts.length; at += 2) {
    const [topic = none, frame = none] = [parts[at], parts[at + 1]]
    const packetBytes = publishHeadBytes(topic, frame.length) + frame.length
    const isLarge = frame.length > largeFrameBytes
    if (bytes > 0 && (isLarge || bytes + packetBytes > joinBytes)) {
      pieces.push(joined(parts, { from, to: at, bytes }))
      bytes = 0
    }
    if (isLarge) pieces.push(...largePacket(topic, frame))
    else {
      if (bytes === 0) from = at
      bytes += packetBytes
    }
  }
  if (bytes > 0) pieces.push(joined(parts, { from, to: parts.length, bytes }))
  return pieces
}

function joined(
  parts: readonly Uint8Array[],
  { from, to, bytes }: { from: number; to: number; bytes: number },
): Uint8Array {
  const whole = smallBytes(bytes)
  let end = 0
  for (let at = from; at < to; at += 2) {
    const [topic = none, frame = none] = [parts[at], parts[at + 1]]
    end = writePublishHead(whole, end, { topic, payloadBytes: frame.length })
    whole.set(frame, end)
    end += frame.length
  }
  return whole
}

/**
 * One piece, the head written before the frame, if that was made with room for it (`encodeFrame`): a WebSocket sends
 * each piece by itself.
 */
function largePacket(topic: Uint8Array, frame: Uint8Array): Uint8Array[] {
  const { buffer, byteOffset, length } = frame
  const headBytes = publishHeadBytes(topic, length)
  const hasRoom = byteOffset === frameRoomBytes && buffer.byteLength >= frameRoomBytes + length
  if (!hasRoom || headBytes > frameRoomBytes) return [publishHead(topic, length), frame]
  const packet = new Uint8Array(buffer, frameRoomBytes - headBytes, headBytes + length)
  writePublishHead(packet, 0, { topic, payloadBytes: length })
  return [packet]
}
