/**
 * The node's end and streams of an agent's end on a wire that loses, repeats and swaps frames and breaks: whatever
 * happens, a browser gets a correct prefix of its own answer, whole or marked as cut, and all streams end.
 */
import { Readable } from 'node:stream'
import { brokenFrame, speaksOf } from '@travessia/schemas/broken-frames.fixture'
import { newId } from '@travessia/schemas/ids'
import {
  bodyOf,
  type Faults,
  hear,
  LossyWire,
  type Script,
  say,
  type Told,
  wrongIn,
} from '@travessia/schemas/lossy-wire.fixture'
import {
  type Plan as ByEnds,
  cuts,
  faults,
  live,
  plan,
  script,
  settle,
  several,
} from '@travessia/schemas/talks.fixture'
import type { AgentAddress } from '@travessia/schemas/topics'
import { decodeFrame, type Frame, FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { TunnelStreams, tellEveryMs } from '@travessia/schemas/tunnel-streams'
import { TunnelWay } from '@travessia/schemas/tunnel-way'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TunnelClient } from './tunnel-client.ts'

/** For a long search: 20,000, ten minutes. */
const numRuns = 100

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  })
})
afterEach(() => {
  vi.useRealTimers()
})

const agent = { tenantId: newId(), agentId: newId() }
const hostile = { tenantId: newId(), agentId: newId() }
const hour = 3_600_000
const timeouts = { connectMs: hour, firstByteMs: hour, idleMs: hour }
const head = { status: 200, headers: [] }

/** `isSmall`: the answer is one frame. */
type Plan = ByEnds & { readonly isSmall: boolean }
type Talk = Plan & { readonly key: number; readonly heard: { up: Told; down: Told } }

const plans = fc.array(fc.record({ ...plan, isSmall: fc.boolean() }), several)

class World {
  readonly #wire: LossyWire
  readonly talks: Talk[] = []
  readonly #client: TunnelClient
  #agent: TunnelStreams
  #lastId = 0

  constructor(seed: number, faults: Faults) {
    this.#wire = new LossyWire(seed, faults)
    this.#client = new TunnelClient({
      ...{ now: Date.now, log: pino({ level: 'silent' }) },
      link: { send: (to, frame) => this.#send(to, frame) },
    })
    this.#agent = this.#connect()
    this.#client.hello(agent)
  }

  get open(): number {
    return this.#client.streamCount + this.#agent.size
  }

  ask(plan: Plan, key: number): void {
    const under = (): Told => ({ bytes: [], how: 'under way' })
    const talk = { ...plan, key, heard: { up: under(), down: under() } }
    this.talks.push(talk)
    void this.#ask(talk)
  }

  /** The connection breaks and comes back. */
  reconnect(): void {
    this.#wire.cut()
    this.#agent.fail(ResetCode.lost, 'gone')
    this.#agent = this.#connect()
    this.#lastId = 0
    this.#client.hello(agent)
  }

  /** Another agent, with a stream of its own, that says what it likes. */
  hostile(): { say: (bytes: Uint8Array) => void; lost: () => void } {
    this.#client.hello(hostile)
    const device = this.#client.clientFor(hostile, { deviceId: newId(), grant: 'a.b.c' })
    const signal = new AbortController().signal
    device
      .request({ method: 'GET', path: '/', headers: [], timeouts, signal })
      .catch(() => undefined)
    return {
      say: (bytes) => this.#client.onFrame(hostile, bytes),
      lost: () => this.#client.lost(hostile),
    }
  }

  /** Bytes that our agent did not write. */
  inject(bytes: Uint8Array): void {
    this.#client.onFrame(agent, bytes)
  }

  async step(): Promise<boolean> {
    const isMoved = this.#wire.step((to, bytes) => {
      if (to === 'node') this.#client.onFrame(agent, bytes)
      else this.#atAgent(decodeFrame(bytes))
    })
    await new Promise(setImmediate)
    return isMoved
  }

  async finish(): Promise<void> {
    await settle(this, this.#wire, () => vi.advanceTimersByTime(tellEveryMs))
  }

  /** HELLO is said again until it is answered; here it always comes. */
  #send(to: AgentAddress, frame: Uint8Array): boolean {
    if (decodeFrame(frame).type === FrameType.hello) this.#client.onFrame(to, frame)
    else if (to.agentId === agent.agentId) this.#wire.send('node', frame)
    return true
  }

  #connect(): TunnelStreams {
    return new TunnelStreams(new TunnelWay((frame) => this.#wire.send('agent', frame)))
  }

  async #ask({ key, up, heard: { down } }: Talk): Promise<void> {
    const body = up.chunks.length > 0 ? Readable.from(saying(key, up), { objectMode: false }) : null
    const path = `/${this.talks.length - 1}`
    const signal = new AbortController().signal
    const asked = { method: 'POST', path, headers: [], timeouts, signal }
    try {
      const client = this.#client.clientFor(agent, { deviceId: newId(), grant: 'a.b.c' })
      const answer = await client.request({
        ...asked,
        ...(body ? { body, bodyBytes: 'chunked' } : {}),
      })
      for await (const part of answer.body) down.bytes.push(part as Uint8Array)
      down.how = 'whole'
    } catch {
      down.how = 'cut'
    }
  }

  #atAgent(frame: Frame): void {
    const { streamId, type } = frame
    if (streamId === 0 && type === FrameType.credit) this.#agent.hear(frame.payload)
    if (streamId > this.#lastId && type === FrameType.request) {
      this.#lastId = streamId
      void this.#serve(this.#agent.open(streamId))
    }
    this.#agent.get(streamId)?.receive(frame)
  }

  async #serve(stream: TunnelStream): Promise<void> {
    const first = await stream.read().catch(() => undefined)
    const said = new TextDecoder().decode(first?.payload)
    const talk = this.talks[Number(/"path":"\/(\d+)"/.exec(said)?.[1])]
    if (!talk) return
    const { key, down, heard, isSmall } = talk
    const total = down.chunks.reduce((sum, size) => sum + size, 0)
    const isOne = isSmall && total < 16_384 && down.ends === 'end'
    const small = isOne ? bodyOf(-key, 0, total) : undefined
    if (!stream.isClosed) stream.frame(FrameType.response, encodeHead(head, small), isOne)
    const saying = isOne ? undefined : say(stream, -key, down)
    await Promise.all([saying, hear(stream, heard.up, () => undefined)])
  }
}

async function* saying(key: number, { chunks, ends }: Script) {
  let at = 0
  for (const size of chunks) {
    yield bodyOf(key, at, size)
    at += size
  }
  if (ends === 'reset') throw new Error('browser gone')
}

function wrongOf({ up, down, heard, key }: Talk): Array<string | undefined> {
  // Without a body the request is its own end.
  const isSaid = up.ends !== 'reset' || up.chunks.length === 0
  // A request that never came was never heard of.
  const isServed = heard.up.how !== 'under way' || heard.up.bytes.length > 0
  return [
    isServed ? wrongIn(heard.up, { key, script: up, isSaid }) : undefined,
    wrongIn(heard.down, { key: -key, script: down, isSaid: down.ends !== 'reset' }),
  ]
}

test('on any wire a browser gets a correct prefix, whole or marked, of its own answer, and all streams end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), faults, plans, cuts, async (seed, faults, plans, cuts) => {
      const world = new World(seed, faults)
      await live(world, plans, cuts)
      expect(world.talks.flatMap(wrongOf).filter(Boolean)).toEqual([])
      expect(world.open).toBe(0)
    }),
    { numRuns },
  )
})

test('on a wire that loses nothing every answer is whole, however slow and interleaved', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), plans, async (seed, plans) => {
      const kept = plans.filter(({ up, down }) => up.ends !== 'reset' && down.ends === 'end')
      const world = new World(seed, { drop: 0, double: 0, swap: 0 })
      await live(world, kept)
      expect(world.talks.filter(({ heard }) => heard.down.how !== 'whole')).toEqual([])
      expect(world.talks.flatMap(wrongOf).filter(Boolean)).toEqual([])
    }),
    { numRuns: numRuns / 4 },
  )
})

test('random and broken frames, of another agent or of other streams, never stop the node or touch an answer', async () => {
  const whole = script.map(({ chunks }) => ({ chunks, ends: 'end' as const }))
  const broken = fc.array(brokenFrame, { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.integer(), whole, whole, broken, async (seed, up, down, frames) => {
      const world = new World(seed, { drop: 0, double: 0, swap: 0 })
      const other = world.hostile()
      world.ask({ up, down, afterSteps: 0, isSmall: false }, 1)
      for (const bytes of frames) {
        other.say(bytes)
        if (!speaksOf(1, bytes)) world.inject(bytes)
        await world.step()
      }
      await world.finish()
      other.lost()
      expect(world.talks.map(({ heard }) => heard.down.how)).toEqual(['whole'])
      expect(world.talks.flatMap(wrongOf).filter(Boolean)).toEqual([])
      expect(world.open).toBe(0)
    }),
    { numRuns },
  )
})
