/** For tests of the tunnel's ends: exchanges at random, wires and breaks at random, and a life through all of them. */
import fc from 'fast-check'
import type { LossyWire, Script } from './lossy-wire.fixture.ts'

export type Plan = { readonly up: Script; readonly down: Script; readonly afterSteps: number }

type World<Planned> = {
  ask(plan: Planned, key: number): void
  /** The connection breaks and comes back. */
  reconnect(): void
  /** A few frames that are on the way, and what comes of them. @returns false: there were none */
  step(): Promise<boolean>
  finish(): Promise<void>
}

export const script = fc.record({
  chunks: fc.array(
    fc.oneof(
      { weight: 9, arbitrary: fc.nat(400) },
      { weight: 3, arbitrary: fc.nat(70_000) },
      { weight: 1, arbitrary: fc.nat(400_000) },
    ),
    { maxLength: 8 },
  ),
  ends: fc.constantFrom<Script['ends'][]>('end', 'end', 'end', 'close', 'reset'),
})
export const plan = { up: script, down: script, afterSteps: fc.nat(30) }
export const several = { minLength: 1, maxLength: 10 }

const rate = fc.constantFrom(0, 0, 2, 20)
export const faults = fc.record({ drop: fc.constantFrom(0, 2, 20, 40), double: rate, swap: rate })
export const cuts = fc.oneof(fc.constant([]), fc.array(fc.nat(60), { maxLength: 2 }))

export async function live<Planned extends Plan>(
  world: World<Planned>,
  plans: readonly Planned[],
  cuts: readonly number[] = [],
): Promise<void> {
  for (let step = 0; step <= 60; step += 1) {
    for (const [index, plan] of plans.entries())
      if (plan.afterSteps === step) world.ask(plan, index + 1)
    if (cuts.includes(step)) world.reconnect()
    await world.step()
  }
  await world.finish()
}

/** All that is on the way arrives, and what was lost is told again. @param tell lets that time pass */
export async function settle(
  world: Pick<World<never>, 'step'>,
  wire: LossyWire,
  tell: () => void,
): Promise<void> {
  while (await world.step());
  wire.calm()
  for (let told = 0; told < 3; told += 1) {
    tell()
    while (await world.step());
  }
}
