/**
 * What LevelDB holds of whom, known in memory: Aedes asks five times at each greeting, nearly always for nothing. Only for
 * a store that no other process writes. Killed at any line: the next start reads what is there.
 */
import { Readable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import type { Level } from 'level'
import msgpack from 'msgpack-lite'
import type { Engine, Subscription } from './persistence.ts'

type Known = {
  readonly subscriptions: Map<string, readonly Subscription[]>
  /** Who may have a message waiting, or one under way. */
  readonly outgoing: Set<string>
  readonly incoming: Set<string>
}

export async function rememberSessions<E extends Engine>(engine: E, level: Level): Promise<E> {
  const known = await readKnown(level)
  return Object.assign(engine, {
    ...subscriptionsFrom(known, bound(engine)),
    ...packetsFrom(known, bound(engine)),
  })
}

function subscriptionsFrom({ subscriptions }: Known, stored: Engine): Partial<Engine> {
  return {
    subscriptionsByClient: async ({ id }) =>
      (subscriptions.get(id) ?? []).map((subscription) => ({ ...subscription })),
    async addSubscriptions(client, added) {
      const { id } = client
      const before = subscriptions.get(id) ?? []
      const isKnown = (one: Subscription) => before.some((other) => isDeepStrictEqual(one, other))
      if (added.every(isKnown)) return
      const topics = added.map(({ topic }) => topic)
      const kept = before.filter(({ topic }) => !topics.includes(topic))
      subscriptions.set(id, [...kept, ...added.map((subscription) => ({ ...subscription }))])
      try {
        await stored.addSubscriptions(client, added)
      } catch (error) {
        subscriptions.set(id, before)
        throw error
      }
    },
    async removeSubscriptions(client, topics) {
      const before = subscriptions.get(client.id) ?? []
      subscriptions.set(
        client.id,
        before.filter(({ topic }) => !topics.includes(topic)),
      )
      await stored.removeSubscriptions(client, topics)
    },
    async cleanSubscriptions(client) {
      if (subscriptions.delete(client.id)) await stored.cleanSubscriptions(client)
    },
  }
}

function packetsFrom({ outgoing, incoming }: Known, stored: Engine): Partial<Engine> {
  return {
    outgoingEnqueue(subscription, packet) {
      outgoing.add(subscription.clientId)
      return stored.outgoingEnqueue(subscription, packet)
    },
    outgoingEnqueueCombi(subscribed, packet) {
      for (const { clientId } of subscribed ?? []) outgoing.add(clientId)
      return stored.outgoingEnqueueCombi(subscribed, packet)
    },
    outgoingStream: (client) =>
      outgoing.has(client.id) ? stored.outgoingStream(client) : nothingWaits(),
    incomingStorePacket(client, packet) {
      incoming.add(client.id)
      return stored.incomingStorePacket(client, packet)
    },
    async cleanIncoming(client) {
      if (incoming.has(client.id)) await stored.cleanIncoming(client)
    },
  }
}

/** At a tenth of what `Readable.from([])` costs. */
function nothingWaits(): Readable {
  return new Readable({
    objectMode: true,
    read() {
      this.push(null)
    },
  })
}

/** Keys are `{kind}:{client id}:…`, and an id of ours needs no escape. */
async function readKnown(level: Level): Promise<Known> {
  const subscriptions = new Map<string, readonly Subscription[]>()
  const values = level.values<string, Uint8Array>({
    ...{ gte: 'subscriptions:', lt: 'subscriptions;', valueEncoding: 'view' },
  })
  for await (const value of values) {
    const { clientId, ...subscription } = msgpack.decode(value) as Subscription & {
      readonly clientId: string
    }
    subscriptions.set(clientId, [...(subscriptions.get(clientId) ?? []), subscription])
  }
  return {
    subscriptions,
    outgoing: await clientsOf(level, 'outgoing'),
    incoming: await clientsOf(level, 'incoming'),
  }
}

async function clientsOf(level: Level, kind: string): Promise<Set<string>> {
  const clients = new Set<string>()
  for await (const key of level.keys({ gte: `${kind}:`, lt: `${kind};` }))
    clients.add(decodeURIComponent(key.split(':')[1] ?? ''))
  return clients
}

/** The engine's own methods, which live on its prototype. */
function bound(engine: Engine): Engine {
  return {
    subscriptionsByClient: engine.subscriptionsByClient.bind(engine),
    addSubscriptions: engine.addSubscriptions.bind(engine),
    removeSubscriptions: engine.removeSubscriptions.bind(engine),
    cleanSubscriptions: engine.cleanSubscriptions.bind(engine),
    outgoingEnqueue: engine.outgoingEnqueue.bind(engine),
    outgoingEnqueueCombi: engine.outgoingEnqueueCombi.bind(engine),
    outgoingStream: engine.outgoingStream.bind(engine),
    outgoingUpdate: engine.outgoingUpdate.bind(engine),
    outgoingClearMessageId: engine.outgoingClearMessageId.bind(engine),
    incomingStorePacket: engine.incomingStorePacket.bind(engine),
    cleanIncoming: engine.cleanIncoming.bind(engine),
  }
}
