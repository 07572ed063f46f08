/** What a revoked agent leaves behind at the broker: its queue and its subscription. */
import type { Engine } from './persistence.ts'
import { dropQueued } from './session-quota.ts'

export async function dropSession(engine: Engine, clientId: string): Promise<void> {
  // The queue first: without a subscription Redis forgets which packets belong to it.
  await dropQueued(engine, clientId, 0)
  await engine.cleanSubscriptions({ id: clientId })
}
