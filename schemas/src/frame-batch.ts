/**
 * Tunnel frames of one loop turn in as few writes as possible: each write costs more than everything else that is
 * done for a small frame. Small ones are joined; the payload of a large one is handed on as it is.
 */
import { publishHead, publishHeadBytes, writePublishHead } from './publish-packet.ts'
import { frameRoomBytes } from './tunnel-frame.ts'

/** Also the most that one WebSocket message may carry with ease: the broker takes 128 KiB. */
const joinBytes = 64 * 1024
/** Above this a copy costs more than a second part of the same write. */
const smallBytes = 16 * 1024

type Sink = {
  cork(): void
  uncork(): void
  /** @returns false: more than it likes is waiting */
  write(bytes: Uint8Array): boolean
}

export class FrameBatch {
  readonly #sink: Sink
  readonly #later: (flush: () => void) => void
  readonly #full: () => void
  readonly #flush = () => this.flush()
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
    const packet = packetOf(topic, frame)
    if (packet) this.#parts.push(packet)
    else this.#parts.push(publishHead(topic, frame.length), frame)
    this.#bytes += publishHeadBytes(topic, frame.length) + frame.length
  }

  /** At once, before something else is written to the sink. */
  flush(): void {
    if (this.#bytes === 0) return
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    let isTaken = true
    this.#sink.cork()
    for (const piece of joinSmall(parts)) isTaken = this.#sink.write(piece)
    this.#sink.uncork()
    if (!isTaken) this.#full()
  }
}

/**
 * One piece, the head written before the frame, if that was made with room for it (`encodeFrame`): a WebSocket sends
 * each piece by itself.
 */
function packetOf(topic: Uint8Array, { buffer, byteOffset, length }: Uint8Array) {
  const headBytes = publishHeadBytes(topic, length)
  const hasRoom = byteOffset === frameRoomBytes && buffer.byteLength === frameRoomBytes + length
  if (!hasRoom || headBytes > frameRoomBytes) return undefined
  const packet = new Uint8Array(buffer, frameRoomBytes - headBytes)
  writePublishHead(packet, topic, length)
  return packet
}

/** Neighbours that are small become one piece. */
function joinSmall(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  if (parts.length === 1) return parts
  const pieces: Uint8Array[] = []
  let run: Uint8Array[] = []
  let runBytes = 0
  const endRun = () => {
    if (runBytes > 0) pieces.push(join(run, runBytes))
    run = []
    runBytes = 0
  }
  for (const part of parts) {
    if (part.length > smallBytes || runBytes + part.length > joinBytes) endRun()
    if (part.length > smallBytes) pieces.push(part)
    else {
      run.push(part)
      runBytes += part.length
    }
  }
  endRun()
  return pieces
}

function join(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const [only] = parts
  if (only && parts.length === 1) return only
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
