/** Browsers inside remote sessions: each does one thing after the other, and some leave in the middle of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Entered } from '../../rig/session-client.ts'
import { download, echo, events, type Running, small, upload } from '../../rig/traffic.ts'
import { createRandom, type Random } from '../torture/random.ts'

/** Longer than a keepalive needs to notice a half-open connection. */
const endsWithinMs = 90_000
const leavesShare = 0.15
const refusedPauseMs = 200

type How = 'whole' | 'cut' | 'refused' | 'left'
type Tally = Record<How, number>
type Act = (at: Entered, random: Random, n: number) => Running

const some = (random: Random, bytes: number) => ({ count: random.between(1, bytes) })
const acts: Readonly<Record<string, Act>> = {
  small: (at, _random, n) => small(at, `this-is-${n}`),
  download: (at, random) => download(at, some(random, 4_000_000)),
  slow: (at, random) => download(at, { ...some(random, 1_000_000), everyMs: 20 }),
  chunked: (at, random) => download(at, { ...some(random, 4_000_000), chunked: true }),
  upload: (at, random) => upload(at, some(random, 4_000_000)),
  events: (at, random) => events(at, { count: random.between(1, 100), everyMs: 20 }),
  echo: (at, random) => echo(at, { count: random.between(1, 16), everyMs: random.of([0, 0, 50]) }),
}
const mixed = ['small', 'small', 'small', 'small', ...Object.keys(acts)]

export class Browsers {
  readonly done: Record<string, Tally> = {}
  readonly problems: string[] = []

  /** One browser, until the signal; resolves when its last exchange has ended. */
  async browse(at: Entered, seed: number, name: string, signal: AbortSignal): Promise<void> {
    const random = createRandom(seed, name)
    for (let n = 0; !signal.aborted; n += 1) {
      const kind = random.of(mixed)
      const running = acts[kind]?.(at, random, n)
      if (!running) continue
      const leaves = random() < leavesShare
      const stop = leaves ? leaveSoon(running, random.between(0, 500)) : undefined
      const how = await this.#end(`${name}.${n} ${kind}`, running, leaves)
      clearTimeout(stop)
      this.done[kind] ??= { whole: 0, cut: 0, refused: 0, left: 0 }
      this.done[kind][how] += 1
      if (how === 'refused') await sleep(refusedPauseMs)
    }
  }

  async #end(what: string, running: Running, leaves: boolean): Promise<How> {
    const late = new AbortController()
    const ended = await Promise.race([
      running.ended,
      sleep(endsWithinMs, undefined, { signal: late.signal }).catch(() => undefined),
    ])
    late.abort()
    if (!ended) {
      this.problems.push(`${what}: not ended within ${endsWithinMs} ms`)
      running.leave()
      return 'cut'
    }
    if (ended.problem !== undefined) this.problems.push(`${what}: ${ended.problem}`)
    if (ended.isWhole) return 'whole'
    if (leaves) return 'left'
    return ended.status === undefined || ended.status >= 500 ? 'refused' : 'cut'
  }
}

function leaveSoon(running: Running, inMs: number): NodeJS.Timeout {
  return setTimeout(() => running.leave(), inMs)
}
