/**
 * The agent's end and streams of a node's end on a wire that loses, repeats and swaps frames and breaks: whatever
 * happens, a reader gets a correct prefix of what was said on its stream, whole or marked as cut, and all streams end.
 */
import { brokenFrame, speaksOf } from '@travessia/schemas/broken-frames.fixture'
import { newId } from '@travessia/schemas/ids'
import {
  type Faults,
  hear,
  LossyWire,
  say,
  type Told,
  wrongIn,
} from '@travessia/schemas/lossy-wire.fixture'
import {
  cuts,
  faults,
  live,
  type Plan,
  plan,
  script,
  settle,
  several,
} from '@travessia/schemas/talks.fixture'
import { decodeFrame, encodeHello, FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { TunnelStreams, tellEveryMs } from '@travessia/schemas/tunnel-streams'
import { TunnelWay } from '@travessia/schemas/tunnel-way'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silent } from './fixtures.ts'
import { TunnelServer } from './tunnel-server.ts'

/** For a long search: 5,000, ten minutes. */
const numRuns = 200

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  })
})
afterEach(() => {
  vi.useRealTimers()
})

type Talk = Plan & {
  readonly key: number
  readonly heard: { up: Told; down: Told }
  readonly isSaid: { up: boolean; down: boolean }
  served: number
}

const plans = fc.array(fc.record(plan), several)

class World {
  readonly #wire: LossyWire
  readonly #talks = new Map<string, Talk>()
  readonly #server: TunnelServer
  #node: TunnelStreams
  #lastId = 0
  readonly #said: Promise<void>[] = []

  constructor(seed: number, faults: Faults) {
    this.#wire = new LossyWire(seed, faults)
    this.#server = new TunnelServer({
      send: (frame) => this.#wire.send('agent', frame),
      drained: () => undefined,
      takeFile: (commandId: string, stream: TunnelStream) => this.#serve(commandId, stream),
      isPaused: () => false,
      ...{ log: silent, policy: { allowLoopback: () => true, forbiddenPorts: () => [] } },
      ...{ deviceOf: nothing, grantOf: never, signerOf: never, driverFor: never },
      ...{ forbids: nothing, onPong: nothing },
    })
    this.#node = this.#connect()
  }

  get talks(): Talk[] {
    return [...this.#talks.values()]
  }

  get problems(): string[] {
    return this.#wire.problems
  }

  get open(): number {
    return this.#node.size + this.#server.streamCount
  }

  ask(plan: Plan, key: number): void {
    const commandId = newId()
    const under = (): Told => ({ bytes: [], how: 'under way' })
    const heard = { up: under(), down: under() }
    const talk = { ...plan, key, heard, isSaid: { up: false, down: false }, served: 0 }
    this.#talks.set(commandId, talk)
    this.#lastId += 1
    const stream = this.#node.open(this.#lastId)
    stream.frame(FrameType.request, encodeHead({ commandId }), false)
    this.#said.push(this.#talk(talk, stream, 'up'))
  }

  /** The connection breaks and comes back. */
  reconnect(): void {
    this.#wire.cut()
    this.#node.fail(ResetCode.lost, 'gone')
    this.#node = this.#connect()
    this.#lastId = 0
  }

  /** Bytes that nobody of us wrote. */
  inject(bytes: Uint8Array): void {
    this.#server.receive(bytes)
  }

  /** Everything that is on the way, and what comes of it. @returns false: nothing was */
  async step(): Promise<boolean> {
    const isMoved = this.#wire.step((to, bytes) => {
      if (to === 'agent') return this.#server.receive(bytes)
      const frame = decodeFrame(bytes)
      if (frame.streamId !== 0) this.#node.get(frame.streamId)?.receive(frame)
      else if (frame.type === FrameType.credit) this.#node.hear(frame.payload)
    })
    await new Promise(setImmediate)
    return isMoved
  }

  async finish(): Promise<void> {
    await settle(this, this.#wire, () => vi.advanceTimersByTime(tellEveryMs))
    // What is not over by then is under way for ever.
    await Promise.race([Promise.all(this.#said), new Promise(setImmediate)])
  }

  #connect(): TunnelStreams {
    this.#server.receive(encodeHello({ epoch: newId(), windowBytes: 1, maxFrameBytes: 1 }))
    return new TunnelStreams(new TunnelWay((frame) => this.#wire.send('node', frame)))
  }

  async #serve(commandId: string, stream: TunnelStream): Promise<void> {
    const talk = this.#talks.get(commandId)
    if (!talk) return stream.reset(ResetCode.protocol)
    talk.served += 1
    await this.#talk(talk, stream, 'down')
  }

  /** One end of an exchange: it says its script while it hears the other's. */
  async #talk(talk: Talk, stream: TunnelStream, way: 'up' | 'down'): Promise<void> {
    const [reader, heard] =
      way === 'up' ? (['node', talk.heard.down] as const) : (['agent', talk.heard.up] as const)
    const key = way === 'up' ? talk.key : -talk.key
    await Promise.all([
      say(stream, key, talk[way]).then((isSaid) => {
        talk.isSaid[way] = isSaid
      }),
      hear(stream, heard, (bytes) => this.#wire.consumed(reader, stream.id, bytes)),
    ])
  }
}

function nothing(): undefined {
  return undefined
}

async function never(): Promise<never> {
  throw new Error('not asked for here')
}

function wrongOf({ up, down, heard, isSaid, key, served }: Talk): Array<string | undefined> {
  const upward = { key, script: up, isSaid: isSaid.up }
  const downward = { key: -key, script: down, isSaid: isSaid.down }
  if (served > 1) return ['served twice']
  return [served === 0 ? undefined : wrongIn(heard.up, upward), wrongIn(heard.down, downward)]
}

test('on any wire a reader gets a correct prefix, whole or marked, of its own stream; windows hold; all streams end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), faults, plans, cuts, async (seed, faults, plans, cuts) => {
      const world = new World(seed, faults)
      await live(world, plans, cuts)
      expect(world.talks.flatMap(wrongOf).filter(Boolean)).toEqual([])
      expect(world.problems).toEqual([])
      expect([world.open, vi.getTimerCount()]).toEqual([0, 0])
    }),
    { numRuns },
  )
})

test('on a wire that loses nothing all is whole, however slow and interleaved', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), plans, async (seed, plans) => {
      const kept = plans.filter(({ up, down }) => up.ends !== 'reset' && down.ends !== 'reset')
      const world = new World(seed, { drop: 0, double: 0, swap: 0 })
      await live(world, kept)
      const hows = world.talks.flatMap(({ heard }) => [heard.up.how, heard.down.how])
      expect(hows.filter((how) => how !== 'whole')).toEqual([])
      expect(world.talks.flatMap(wrongOf).filter(Boolean)).toEqual([])
    }),
    { numRuns: numRuns / 5 },
  )
})

test('random and broken frames of other streams never stop the agent, touch an exchange or leave a stream', async () => {
  const whole = script.map(({ chunks }) => ({ chunks, ends: 'end' as const }))
  const broken = fc.array(brokenFrame, { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(fc.integer(), whole, whole, broken, async (seed, up, down, frames) => {
      const world = new World(seed, { drop: 0, double: 0, swap: 0 })
      world.ask({ up, down, afterSteps: 0 }, 1)
      // Ids only rise: a request that is behind a broken one of a later id would not be served.
      while (world.talks[0]?.served === 0) await world.step()
      for (const bytes of frames) {
        if (!speaksOf(1, bytes)) world.inject(bytes)
        await world.step()
      }
      await world.finish()
      expect(world.talks.map(({ heard }) => [heard.up.how, heard.down.how])).toEqual([
        ['whole', 'whole'],
      ])
      expect(world.talks.flatMap(wrongOf).filter(Boolean)).toEqual([])
      expect([world.open, vi.getTimerCount()]).toEqual([0, 0])
    }),
    { numRuns },
  )
})
