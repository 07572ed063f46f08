/**
 * For tests of the tunnel: a wire that delays, drops, repeats and swaps frames by a seed, bodies that show of each byte
 * where it belongs, and an account of what is under way.
 */
import {
  decodeCredit,
  decodeFrame,
  type Frame,
  FrameType,
  initialWindowBytes,
  ResetCode,
} from './tunnel-frame.ts'
import { StreamReset, type TunnelStream } from './tunnel-stream.ts'

type Side = 'node' | 'agent'
/** Of a hundred frames. */
export type Faults = { readonly drop: number; readonly double: number; readonly swap: number }
/** What one end says on a stream. */
export type Script = {
  readonly chunks: readonly number[]
  readonly ends: 'end' | 'close' | 'reset'
}
export type Told = { bytes: Uint8Array[]; how: 'whole' | 'cut' | 'under way' }

const calm: Faults = { drop: 0, double: 0, swap: 0 }

/** Numbers from 0 to below `limit`, the same for the same seed. */
function seeded(seed: number): (limit: number) => number {
  let state = seed | 0
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

export class LossyWire {
  readonly #random: (limit: number) => number
  readonly #to: Record<Side, Uint8Array[]> = { node: [], agent: [] }
  #faults: Faults
  /** What broke a rule of the windows. */
  readonly problems: string[] = []
  readonly #accounts = new Map<string, { underWay: number; window: number }>()
  #epoch = 0

  constructor(seed: number, faults: Faults) {
    this.#random = seeded(seed)
    this.#faults = faults
  }

  send(from: Side, bytes: Uint8Array): boolean {
    const frame = decodeFrame(bytes)
    this.#count(from, frame)
    const queue = this.#to[otherOf(from)]
    const { drop, double, swap } = this.#faults
    const fate = this.#random(100)
    if (fate < drop) return true
    const isSwapped = fate < drop + swap && queue.length > 0
    queue.splice(isSwapped ? queue.length - 1 : queue.length, 0, bytes)
    if (fate >= drop + swap && fate < drop + swap + double) {
      queue.push(bytes)
      this.#countTwice(from, frame)
    }
    return true
  }

  /** Delivers a few frames. @returns false: there were none */
  step(deliver: (to: Side, bytes: Uint8Array) => void): boolean {
    const sides = (['node', 'agent'] as const).filter((side) => this.#to[side].length > 0)
    const side = sides[this.#random(sides.length)]
    if (!side) return false
    for (const bytes of this.#to[side].splice(0, 1 + this.#random(4))) deliver(side, bytes)
    return true
  }

  /** The connection is gone with all that was on it; the next one begins a new epoch. */
  cut(): void {
    this.#to.node = []
    this.#to.agent = []
    this.#epoch += 1
  }

  /** From now on every frame comes. */
  calm(): void {
    this.#faults = calm
  }

  /** A reader took these bytes. */
  consumed(by: Side, streamId: number, bytes: number): void {
    this.#accountOf(otherOf(by), streamId).underWay -= costOf(bytes)
  }

  #count(from: Side, frame: Frame): void {
    const { type, streamId, payload } = frame
    if (streamId === 0) return
    if (type === FrameType.data) {
      const account = this.#accountOf(from, streamId)
      account.underWay += costOf(payload.length)
      if (account.underWay > account.window)
        this.problems.push(`${from} ${streamId}: ${account.underWay} under way`)
    } else if (type === FrameType.credit) {
      this.#accountOf(otherOf(from), streamId).window = decodeCredit(payload).window
    }
  }

  /** Who is granted the same twice cannot know it; the reader cuts what is more than it granted. */
  #countTwice(from: Side, { type, streamId, payload }: Frame): void {
    if (type === FrameType.credit && streamId !== 0)
      this.#accountOf(otherOf(from), streamId).underWay -= decodeCredit(payload).consumed
  }

  #accountOf(writer: Side, streamId: number) {
    const name = `${this.#epoch} ${writer} ${streamId}`
    const account = this.#accounts.get(name) ?? { underWay: 0, window: initialWindowBytes }
    this.#accounts.set(name, account)
    return account
  }
}

function otherOf(side: Side): Side {
  return side === 'node' ? 'agent' : 'node'
}

function costOf(bytes: number): number {
  return Math.max(bytes, 64)
}

/** Bytes of the body `key`: no two bodies agree for long. */
export function bodyOf(key: number, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i += 1) {
    const place = at + i
    bytes[i] = Math.imul(key * 8_191 + (place >> 2), 0x9e3779b1) >>> (8 * (place & 3))
  }
  return bytes
}

/** Says all of a script. @returns whether its end was said */
export async function say(stream: TunnelStream, key: number, script: Script): Promise<boolean> {
  try {
    let at = 0
    for (const size of script.chunks) {
      await stream.write(bodyOf(key, at, size))
      at += size
    }
    if (script.ends === 'reset') stream.reset(ResetCode.cancel)
    else stream.frame(script.ends === 'end' ? FrameType.end : FrameType.wsClose, undefined, true)
    return script.ends !== 'reset'
  } catch (error) {
    if (error instanceof StreamReset) return false
    throw error
  }
}

/** Takes what comes until the direction ends. */
export async function hear(
  stream: TunnelStream,
  told: Told,
  consumed: (bytes: number) => void,
): Promise<void> {
  try {
    for (let frame = await stream.read(); frame; frame = await stream.read()) {
      if (frame.type !== FrameType.data) continue
      consumed(frame.payload.length)
      told.bytes.push(frame.payload)
    }
    told.how = 'whole'
  } catch (error) {
    if (!(error instanceof StreamReset)) throw error
    told.how = 'cut'
  }
}

/** @returns what is wrong with what was heard of a script; undefined: nothing */
export function wrongIn(
  { bytes, how }: Told,
  { key, script, isSaid }: { key: number; script: Script; isSaid: boolean },
): string | undefined {
  let at = 0
  for (const part of bytes) {
    const expected = bodyOf(key, at, part.length)
    for (let i = 0; i < part.length; i += 1)
      if (part[i] !== expected[i]) return `wrong byte at ${at + i}`
    at += part.length
  }
  const total = script.chunks.reduce((sum, size) => sum + size, 0)
  if (at > total) return 'more than was said'
  if (how === 'under way') return 'never ended'
  return how === 'whole' && (at !== total || !isSaid) ? `short and unmarked: ${at}` : undefined
}
