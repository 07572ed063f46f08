/** The rules of the windows, for any order of sending, reading and ending. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  agentWindowBytes,
  type Credit,
  initialWindowBytes,
  maxDataBytes,
  maxWindowBytes,
} from './tunnel-frame.ts'
import { ReceiveWindow, SendWindow, SpareWindow } from './tunnel-window.ts'

/** Both ends of one direction; frames and credit arrive in order, whenever the test lets them. */
class Direction {
  readonly sender = new SendWindow()
  readonly receiver: ReceiveWindow
  readonly #frames: number[] = []
  readonly #queue: number[] = []
  readonly #credits: Credit[] = []

  constructor(spare: SpareWindow) {
    this.receiver = new ReceiveWindow(spare)
  }

  /** Bytes sent and not yet read. */
  get underWay(): number {
    return [...this.#frames, ...this.#queue].reduce((sum, bytes) => sum + bytes, 0)
  }

  /** @returns false: no credit */
  send(bytes: number): boolean {
    const size = Math.min(bytes, maxDataBytes, this.sender.room)
    if (this.sender.room === 0) return false
    this.sender.sent(size)
    this.#frames.push(size)
    return true
  }

  /** @returns false: the receiver got more than it had granted */
  arrive(): boolean {
    const frame = this.#frames.shift()
    if (frame === undefined) return true
    this.#queue.push(frame)
    return this.receiver.received(frame)
  }

  read(now: number): void {
    const frame = this.#queue.shift()
    const credit = frame === undefined ? undefined : this.receiver.consumed(frame, now)
    if (credit) this.#credits.push(credit)
  }

  /** @returns false: the sender does not believe it */
  credit(): boolean {
    const credit = this.#credits.shift()
    return credit === undefined || this.sender.granted(credit)
  }

  /** @returns false: an end did what it must not */
  do(act: string, bytes: number, now: number): boolean {
    if (act === 'send') this.send(bytes)
    if (act === 'read') this.read(now)
    if (act === 'flow') for (let i = 0; i < 20 && this.send(bytes); i += 1) this.settle(now)
    if (act === 'arrive') return this.arrive()
    return act === 'credit' ? this.credit() : true
  }

  settle(now: number): void {
    while (this.#frames.length > 0) this.arrive()
    while (this.#queue.length > 0) this.read(now)
    while (this.#credits.length > 0) this.credit()
  }
}

const step = fc.record({
  stream: fc.nat(11),
  act: fc.constantFrom(
    'send',
    'send',
    'send',
    'arrive',
    'arrive',
    'read',
    'read',
    'credit',
    'flow',
    'end',
  ),
  bytes: fc.oneof(fc.constant(maxDataBytes), fc.nat(maxDataBytes), fc.constant(0)),
  afterMs: fc.nat(60),
})

test('no order of grants lets a sender exceed what was granted, and the spare is never overdrawn or lost', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 2_000 }), (steps) => {
      const spare = new SpareWindow()
      const ways = Array.from({ length: 12 }, () => new Direction(spare))
      let now = 0
      for (const { stream, act, bytes, afterMs } of steps) {
        now += afterMs / 60
        const way = ways[stream] as Direction
        expect(way.do(act, bytes, now)).toBe(true)
        if (act === 'end') {
          way.receiver.close()
          ways[stream] = new Direction(spare)
        }
        expect(way.underWay).toBeLessThanOrEqual(maxWindowBytes)
        expect(spare.left).toBeGreaterThanOrEqual(0)
        const total = ways.reduce((sum, one) => sum + one.underWay, 0)
        expect(total).toBeLessThanOrEqual(ways.length * initialWindowBytes + agentWindowBytes)
      }
      for (const way of ways) way.receiver.close()
      expect(spare.left).toBe(agentWindowBytes)
    }),
    { numRuns: 50 },
  )
})

test('no stream starves: whatever the others hold, one that is read can always send again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500 }), fc.nat(maxDataBytes), (steps, bytes) => {
      const spare = new SpareWindow()
      const ways = Array.from({ length: 12 }, () => new Direction(spare))
      for (const { stream, act, bytes: some } of steps) {
        ways[stream]?.do(act, some, 0)
      }
      for (const way of ways) {
        way.settle(0)
        expect(way.send(bytes)).toBe(true)
      }
    }),
  )
})

/** Moves `bytes` with a reader that takes a whole window in `windowMs`. */
function drain(way: Direction, bytes: number, windowMs: number): void {
  let now = 0
  for (let left = bytes; left > 0; left -= maxDataBytes) {
    way.send(maxDataBytes)
    now += (windowMs * maxDataBytes) / initialWindowBytes
    way.settle(now)
  }
}

test('a fast reader gets a larger window, a slow one does not', () => {
  const fast = new Direction(new SpareWindow())
  drain(fast, 4 * maxWindowBytes, 20)
  fast.settle(0)
  expect(fast.sender.room).toBeGreaterThan(maxWindowBytes * 0.7)
  const slow = new Direction(new SpareWindow())
  drain(slow, 4 * maxWindowBytes, 400)
  expect(slow.sender.room).toBeLessThanOrEqual(initialWindowBytes)
})

test('forty streams that stand still with large windows leave the next one its own', () => {
  const spare = new SpareWindow()
  for (let i = 0; i < 40; i += 1) {
    const way = new Direction(spare)
    drain(way, 4 * maxWindowBytes, 1)
    while (way.send(maxDataBytes));
  }
  expect(spare.left).toBe(0)
  const next = new Direction(spare)
  let sent = 0
  while (next.send(maxDataBytes)) sent += maxDataBytes
  expect(sent).toBeGreaterThanOrEqual(initialWindowBytes)
})

test.each([
  ['more than was sent', { consumed: 100_001, window: initialWindowBytes }],
  ['a window larger than there is', { consumed: 0, window: maxWindowBytes + 1 }],
  ['a smaller window', { consumed: 0, window: initialWindowBytes - 1 }],
])('credit for %s is refused', (_what, credit) => {
  const sender = new SendWindow()
  sender.sent(100_000)
  expect(sender.granted(credit)).toBe(false)
  expect(sender.granted({ consumed: 100_000, window: maxWindowBytes })).toBe(true)
})

test('empty frames have an end: each counts as 64 bytes', () => {
  const way = new Direction(new SpareWindow())
  let frames = 0
  while (frames < 10_000 && way.send(0)) frames += 1
  expect(frames).toBe(initialWindowBytes / 64)
})
