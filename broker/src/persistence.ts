/**
 * Where the control sessions of agents outlive a restart of the broker: LevelDB in the data directory, or
 * Redis. They carry wake-ups, never the truth: losing them costs a reconnect.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { Level } from 'level'

export type PersistenceOptions = {
  readonly dataDir: string
  readonly redisUrl?: string | undefined
}

export type Persistence = {
  /** What Aedes takes as `persistence`. */
  readonly engine: unknown
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
  return { engine: createEngine(level), close: () => level.close() }
}

async function openRedis(url: string): Promise<Persistence> {
  const { default: createEngine } = await import('aedes-persistence-redis')
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 2 })
  await redis.connect()
  return { engine: createEngine({ conn: redis }), close: async () => redis.disconnect() }
}
