/** What a revoked agent leaves behind at the broker: its subscriptions, its queue, its will. */
import type { Persistence } from './persistence.ts'

type Packet = { messageId?: number; brokerId?: string; brokerCounter?: number }

/** The part of Aedes' persistence interface that is needed to forget a session. */
type Engine = {
  cleanSubscriptions(client: { id: string }): Promise<unknown>
  outgoingStream(client: { id: string }): AsyncIterable<Packet>
  outgoingUpdate(client: { id: string }, packet: Packet): Promise<unknown>
  outgoingClearMessageId(client: { id: string }, packet: Packet): Promise<unknown>
  delWill(client: { id: string }): Promise<unknown>
}

export async function dropSession(
  persistence: Persistence | undefined,
  clientId: string,
): Promise<void> {
  if (!persistence) return
  const engine = persistence.engine as Engine
  const client = { id: clientId }
  await engine.cleanSubscriptions(client)
  let messageId = 0
  for await (const packet of engine.outgoingStream(client)) {
    messageId += 1
    const numbered = Object.assign(packet, { messageId })
    await engine.outgoingUpdate(client, numbered)
    await engine.outgoingClearMessageId(client, numbered)
  }
  await engine.delWill(client)
}
