/**
 * Where the control sessions of agents outlive a restart of the broker: LevelDB in the data directory, or
 * Redis. They carry wake-ups, never the truth: losing them costs a reconnect.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { TravessiaError } from '@travessia/schemas/errors'
import { Level } from 'level'
import { rememberSessions } from './session-memory.ts'

type PersistenceOptions = {
  readonly dataDir: string
  readonly redisUrl?: string | undefined
}

type ClientId = { readonly id: string }
export type Subscription = { readonly topic: string; readonly qos: number }

/** The part of Aedes' persistence interface that is used or replaced here. */
export type Engine = {
  subscriptionsByClient(client: ClientId): Promise<Subscription[]>
  addSubscriptions(client: ClientId, subscriptions: readonly Subscription[]): Promise<unknown>
  removeSubscriptions(client: ClientId, topics: readonly string[]): Promise<unknown>
  cleanSubscriptions(client: ClientId): Promise<unknown>
  outgoingEnqueue(subscription: { readonly clientId: string }, packet: object): Promise<unknown>
  outgoingEnqueueCombi(
    subscriptions: ReadonlyArray<{ readonly clientId: string }> | null,
    packet: object,
  ): Promise<unknown>
  outgoingStream(client: ClientId): AsyncIterable<object>
  outgoingUpdate(client: ClientId, packet: object): Promise<unknown>
  outgoingClearMessageId(client: ClientId, packet: object): Promise<unknown>
  incomingStorePacket(client: ClientId, packet: object): Promise<unknown>
  cleanIncoming(client: ClientId): Promise<unknown>
}

export type Persistence = {
  /** What Aedes takes as `persistence`. */
  readonly engine: Engine
  close(): Promise<void>
}

export async function openPersistence(options: PersistenceOptions): Promise<Persistence> {
  return options.redisUrl === undefined ? openLevel(options.dataDir) : openRedis(options.redisUrl)
}

async function openLevel(dataDir: string): Promise<Persistence> {
  const { default: createEngine } = await import('aedes-persistence-level')
  mkdirSync(dataDir, { recursive: true })
  const level = new Level(join(dataDir, 'broker-sessions'))
  await level.open()
  const engine = await rememberSessions(createEngine(level), level)
  return { engine: sessionsOnly(engine), close: () => level.close() }
}

/** @throws when Redis cannot be reached: sessions that were kept there would be lost silently */
async function openRedis(url: string): Promise<Persistence> {
  const { default: createEngine } = await import('aedes-persistence-redis')
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 2 })
  let reason: Error | undefined
  // Each command fails by itself while Redis is away; without a listener each retry is printed.
  redis.on('error', (error) => {
    reason = error
  })
  try {
    await redis.connect()
  } catch (error) {
    redis.disconnect()
    const problems = ['TRAVESSIA_REDIS_URL: Redis cannot be reached']
    throw new TravessiaError('CONFIG_INVALID', { problems }, { cause: reason ?? error })
  }
  return {
    engine: sessionsOnly(createEngine({ conn: redis })),
    close: async () => redis.disconnect(),
  }
}

/**
 * Nothing is retained, so there is nothing to look up at a SUBSCRIBE. A will lives as long as its
 * connection: one found after a crash would say "offline" of an agent that is back since minutes.
 */
function sessionsOnly<E extends Engine>(engine: E): E {
  const nothing = async () => undefined
  return Object.assign(engine, {
    storeRetained: nothing,
    // Aedes pipes it and asks no more.
    createRetainedStreamCombi: () => ({ pipe() {} }),
    putWill: nothing,
    delWill: nothing,
    streamWill: () => Readable.from([]),
  })
}
