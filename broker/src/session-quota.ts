/**
 * Caps the offline queue of a persistent session, for which Aedes has no limit. What is dropped is
 * a wake-up: the outbox in the log sends it again.
 */
import type { Engine } from './persistence.ts'

/** Below what Redis delivers at one connect (1,000). */
export const maxQueued = 100

/** Makes room before each message that is queued. */
export function capQueues(
  engine: Engine,
  max: number,
  dropped: (clientId: string, count: number) => void,
): void {
  const enqueue = engine.outgoingEnqueueCombi.bind(engine)
  engine.outgoingEnqueueCombi = async (subscriptions, packet) => {
    for (const { clientId } of subscriptions ?? []) {
      const count = await dropQueued(engine, clientId, max - 1)
      if (count > 0) dropped(clientId, count)
    }
    return enqueue(subscriptions, packet)
  }
}

type Queue = Pick<Engine, 'outgoingStream' | 'outgoingUpdate' | 'outgoingClearMessageId'>

/** Drops the first of the queue until `keep` are left. @returns how many */
export async function dropQueued(engine: Queue, clientId: string, keep: number): Promise<number> {
  const client = { id: clientId }
  const queued: object[] = []
  for await (const packet of engine.outgoingStream(client)) queued.push(packet)
  const surplus = queued.slice(0, Math.max(0, queued.length - keep))
  for (const packet of surplus) {
    // Both engines drop by packet id; one that was never sent has none, and shares that with no packet under way.
    try {
      await engine.outgoingUpdate(client, packet)
      await engine.outgoingClearMessageId(client, packet)
    } catch {
      // Acknowledged since it was read: it is gone, which is what was wanted.
    }
  }
  return surplus.length
}
