/** Random choices that a seed repeats. Each part draws from its own stream, so that none shifts another's. */
import { createHash } from 'node:crypto'

export type Random = {
  /** 0 ≤ x < 1 */
  (): number
  between(low: number, high: number): number
  of<T>(choices: readonly T[]): T
}

/** mulberry32, started from the digest of seed and part. */
export function createRandom(seed: number, part: string): Random {
  let state = createHash('sha256').update(`${seed} ${part}`).digest().readUInt32LE()
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return Object.assign(next, {
    between,
    of<T>(choices: readonly T[]): T {
      const choice = choices[between(0, choices.length - 1)]
      if (choice === undefined) throw new TypeError('nothing to choose from')
      return choice
    },
  })
}
