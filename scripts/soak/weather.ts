/** What goes wrong between the agents and the node, by the seed, until the soak is over. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LineKind } from '../../rig/connect-reader.ts'
import type { Network } from '../../rig/network.ts'
import { createRandom, type Random } from '../torture/random.ts'

const calmMs = [1_000, 6_000] as const
const kinds = ['data', 'control', 'both'] as const
/** A router that forgot mostly says so to whoever sends; sometimes only the keepalive notices. */
const forgottenShare = 0.1

type Sky = {
  readonly network: Network
  /** The agent that may die. */
  readonly mortal: () => ChildProcess
  readonly seed: number
  readonly signal: AbortSignal
}

export class Weather {
  readonly #sky: Sky
  readonly #random: Random
  readonly made: Record<string, number> = {}

  constructor(sky: Sky) {
    this.#sky = sky
    this.#random = createRandom(sky.seed, 'weather')
  }

  /** Afterwards the network is whole. */
  async run(): Promise<void> {
    const { signal, network } = this.#sky
    const storms = {
      cut: async () => network.cut(this.#kind(), 'end'),
      reset: async () => network.cut(this.#kind(), 'reset'),
      freeze: () => this.#freeze(),
      silence: () => this.#silence(),
      delay: () => this.#delay(),
      'kill agent': async () => void this.#sky.mortal().kill('SIGKILL'),
    }
    const names = Object.keys(storms) as Array<keyof typeof storms>
    // Most of the time the agent should be there.
    const often = names.filter((name) => name !== 'kill agent')
    for (;;) {
      await this.#pause(...calmMs)
      if (signal.aborted) break
      const name = this.#random.of([...often, ...often, ...names])
      await storms[name]()
      this.made[name] = (this.made[name] ?? 0) + 1
    }
    network.restore()
    network.thaw()
    network.delay(0)
  }

  #kind(): LineKind | undefined {
    const kind = this.#random.of(kinds)
    return kind === 'both' ? undefined : kind
  }

  async #freeze(): Promise<void> {
    this.#sky.network.freeze(this.#random.of(['up', 'down', 'both'] as const), this.#kind())
    await this.#pause(100, 2_000)
    this.#sky.network.thaw()
  }

  async #silence(): Promise<void> {
    const { network } = this.#sky
    const kind = this.#kind()
    network.silence(kind)
    await this.#pause(200, 3_000)
    network.restore()
    if (this.#random() >= forgottenShare) network.cut(kind)
  }

  async #delay(): Promise<void> {
    this.#sky.network.delay(this.#random.between(10, 150))
    await this.#pause(500, 3_000)
    this.#sky.network.delay(0)
  }

  async #pause(low: number, high: number): Promise<void> {
    const { signal } = this.#sky
    await sleep(this.#random.between(low, high), undefined, { signal }).catch(() => undefined)
  }
}
