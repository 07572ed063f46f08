/**
 * What goes wrong, planned from the seed: each trouble comes when so many commands were accepted. The seed repeats
 * the plan; the instant within a command is the machine's own chance.
 */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { moment } from './device-plug.ts'
import type { Field, FieldAgent } from './field.ts'
import type { Outage } from './judge.ts'
import { createRandom, type Random } from './random.ts'

const hour = 3_600_000
const clockOffsets = [-hour, hour, 24 * hour, 0]
/** Of the accepted commands: the last ones see how everything comes back. */
const lastShare = 0.95
const nodeShare = 0.25
const lookMs = 20

type TroubleKind = 'kill node' | 'kill agent' | 'cut' | 'silence' | 'clock' | 'freeze'
type Trouble = { readonly afterAccepted: number; readonly kind: TroubleKind }
type TroubleSize = {
  readonly commands: number
  readonly kills: number
  readonly cuts: number
}

/** Half as many clock jumps and frozen agents as cuts come with them. */
export function planTrouble({ commands, kills, cuts }: TroubleSize, seed: number): Trouble[] {
  const random = createRandom(seed, 'plan')
  const some = (count: number, kindOf: (n: number) => TroubleKind) =>
    Array.from({ length: count }, (_, n) => ({
      afterAccepted: Math.floor(random() * commands * lastShare),
      kind: kindOf(n),
    }))
  const plan = [
    ...some(kills, () => (random() < nodeShare ? 'kill node' : 'kill agent')),
    ...some(cuts, () => (random() < 0.5 ? 'cut' : 'silence')),
    ...some(Math.ceil(cuts / 2), (n) => (n % 2 === 0 ? 'clock' : 'freeze')),
  ]
  return plan.sort((a, b) => a.afterAccepted - b.afterAccepted)
}

type Deps = {
  readonly field: Field
  readonly seed: number
  readonly accepted: () => number
  readonly signal: AbortSignal
}

export class TroubleMaker {
  readonly #deps: Deps
  readonly #random: Random
  readonly made: Partial<Record<TroubleKind, number>> = {}
  readonly outages: Outage[] = []

  constructor(deps: Deps) {
    this.#deps = deps
    this.#random = createRandom(deps.seed, 'trouble')
  }

  async run(plan: readonly Trouble[]): Promise<void> {
    const { accepted, signal } = this.#deps
    for (const { afterAccepted, kind } of plan) {
      while (accepted() < afterAccepted && !signal.aborted) await sleep(lookMs)
      await sleep(this.#random.between(0, 150))
      if (signal.aborted) return
      await this.#make(kind)
      this.made[kind] = (this.made[kind] ?? 0) + 1
    }
  }

  async #make(kind: TroubleKind): Promise<void> {
    const { field } = this.#deps
    const random = this.#random
    const agent = random.of(field.agents)
    switch (kind) {
      case 'kill node':
        await this.#kill(field.node)
        return this.#noteOutage()
      case 'kill agent':
        // A host that comes back from a power cut may come back with another time.
        if (random() < 0.1) agent.setClock(random.of(clockOffsets))
        return this.#kill(agent.child)
      case 'cut':
        return field.network.cut()
      case 'silence':
        return this.#silence(random.between(300, 6_000))
      case 'clock':
        return agent.setClock(random.of(clockOffsets))
      case 'freeze':
        return this.#freeze(agent, random.between(500, 8_000))
    }
  }

  async #kill(child: () => ChildProcess): Promise<void> {
    while (!child().kill('SIGKILL') && !this.#deps.signal.aborted) await sleep(lookMs)
  }

  /** Lasts until the node is ready again, however often it is killed meanwhile. */
  #noteOutage(): void {
    const last = this.outages.at(-1)
    if (last && last.to === Number.POSITIVE_INFINITY) return
    const outage: Outage = { from: moment(), to: Number.POSITIVE_INFINITY }
    this.outages.push(outage)
    void this.#ready().then(() => {
      outage.to = moment()
    })
  }

  async #ready(): Promise<void> {
    const isReady = async () =>
      (await fetch(`${this.#deps.field.httpUrl}/readyz`).catch(() => undefined))?.ok ?? false
    while (!this.#deps.signal.aborted && !(await isReady())) await sleep(lookMs)
  }

  /** Mostly a router that resets what it forgot; sometimes one that says nothing, until the keepalive notices. */
  async #silence(forMs: number): Promise<void> {
    const { network } = this.#deps.field
    network.silence()
    await sleep(forMs)
    network.restore()
    if (this.#random() < 0.85) network.cut()
  }

  /** The process stands still, as in a suspended host; it may be killed meanwhile. */
  async #freeze({ child }: FieldAgent, forMs: number): Promise<void> {
    const frozen = child()
    frozen.kill('SIGSTOP')
    await sleep(forMs)
    frozen.kill('SIGCONT')
  }
}

/** Devices that are slow, deny, or lose their answer after the deed, now and then. */
export async function unsettleDevices({ field, seed, signal }: Omit<Deps, 'accepted'>) {
  const random = createRandom(seed, 'devices')
  const moods = [{}, {}, {}, { slowMs: 40 }, { slowMs: 400 }, { denied: true }]
  while (!signal.aborted) {
    const { plug } = random.of(field.gates)
    await plug.misbehave(random() < 0.08 ? { cutAfterAction: true } : random.of(moods))
    await sleep(random.between(50, 400), undefined, { signal }).catch(() => undefined)
  }
  await Promise.all(field.gates.map(({ plug }) => plug.misbehave({})))
}
