import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until it holds. */
export async function eventually<T>(
  ask: () => Promise<T | undefined | false>,
  { withinMs = 30_000, what = 'it' }: { withinMs?: number; what?: string } = {},
): Promise<T> {
  const until = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > until) throw new Error(`${what} did not happen within ${withinMs} ms`)
    await sleep(100)
  }
}
