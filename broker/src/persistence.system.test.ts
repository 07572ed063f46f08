import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { type AgentAddress, controlFilter, formatTopic } from '@travessia/schemas/topics'
import { Redis } from 'ioredis'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { freePort } from '../../rig/free-port.ts'
import type { Answer, Order } from './persistence.fixture.ts'
import { openPersistence } from './persistence.ts'
import type { Credential } from './principal.ts'
import { type RedisServer, startRedis, until } from './redis.fixture.ts'

const local = '127.0.0.1'
// Several processes are started and killed, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

class BrokerProcess {
  readonly #child: ChildProcess
  readonly port: number
  #lastId = 0

  static async start(dataDir: string, redisUrl?: string): Promise<BrokerProcess> {
    const args = redisUrl === undefined ? [dataDir] : [dataDir, redisUrl]
    const child = fork(join(import.meta.dirname, 'persistence.fixture.ts'), args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message: { port: number }) => resolve(message.port))
      child.once('exit', () => reject(new Error(`broker ended: ${said}`)))
    })
    return new BrokerProcess(child, port)
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async tell(order: Order): Promise<number | undefined> {
    this.#lastId += 1
    const id = this.#lastId
    const answer = new Promise<Answer>((resolve) => {
      const onMessage = (message: Answer) => {
        if (message.id !== id) return
        this.#child.off('message', onMessage)
        resolve(message)
      }
      this.#child.on('message', onMessage)
    })
    this.#child.send({ id, ...order })
    const { value, error } = await answer
    if (error !== undefined) throw new Error(error)
    return value
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

type Connected = { readonly client: MqttClient; readonly sessionPresent: boolean; got: string[] }

/** The control connection of an agent: one filter per SUBSCRIBE, none when the session has it. */
async function connectControl({ port }: BrokerProcess, agent: AgentAddress): Promise<Connected> {
  const credential: Credential = { kind: 'agent', ...agent, expiresAt: Date.now() + 600_000 }
  const client = mqtt.connect(`mqtt://${local}:${port}`, {
    ...{ clientId: agent.agentId, clean: false, username: agent.agentId, protocolVersion: 4 },
    ...{ password: JSON.stringify(credential), keepalive: 30, reconnectPeriod: 0 },
  })
  client.on('error', () => undefined)
  onTestFinished(() => void client.end(true))
  const got: string[] = []
  client.on('message', (_topic, payload) => got.push(payload.toString()))
  const sessionPresent = await new Promise<boolean>((resolve, reject) => {
    client.once('connect', (packet) => resolve(packet.sessionPresent))
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed before CONNACK')))
  })
  if (!sessionPresent) await client.subscribeAsync(controlFilter(agent), { qos: 1 })
  return { client, sessionPresent, got }
}

const newAgent = (): AgentAddress => ({ tenantId: newId(), agentId: newId() })

function wakeUp(agent: AgentAddress, payload: string): Order {
  return {
    do: 'publish',
    payload,
    topic: formatTopic({ ...agent, channel: 'cmd', kind: 'command' }),
  }
}

/** What an exchange of the agent with the broker brings, and nothing that was still under way. */
async function settled(broker: BrokerProcess, agent: AgentAddress, { got }: Connected) {
  await broker.tell(wakeUp(agent, 'settled'))
  await until(() => got.includes('settled'))
  await until(async () => (await broker.tell({ do: 'count', agent })) === 0)
  return got.filter((payload) => payload !== 'settled')
}

function directory(): string {
  return mkdtempSync(join(tmpdir(), 'travessia-sessions-'))
}

describe.each(['level', 'redis'])('sessions in %s', (engine) => {
  const dataDir = directory()
  let redis: RedisServer | undefined
  const start = () => BrokerProcess.start(dataDir, redis?.url)

  beforeAll(async () => {
    if (engine === 'redis') redis = await startRedis(await freePort(), dataDir)
  })
  afterAll(async () => {
    await redis?.kill()
    rmSync(dataDir, { recursive: true, force: true })
  })

  test('kill -9 of the broker keeps the session and the wake-up, which arrives once', async () => {
    const agent = newAgent()
    const before = await start()
    const first = await connectControl(before, agent)
    expect(first.sessionPresent).toBe(false)
    await first.client.endAsync()
    await before.tell(wakeUp(agent, 'while away'))
    await before.kill()

    const after = await start()
    const back = await connectControl(after, agent)
    expect(back.sessionPresent).toBe(true)
    expect(await settled(after, agent, back)).toEqual(['while away'])
    await back.client.endAsync()

    const again = await connectControl(after, agent)
    expect(again.sessionPresent).toBe(true)
    expect(await settled(after, agent, again)).toEqual([])
    await after.kill()

    const last = await start()
    const third = await connectControl(last, agent)
    expect(third.sessionPresent).toBe(true)
    expect(await settled(last, agent, third)).toEqual([])
  })

  test('kill -9 while the agent is connected: it returns and hears what comes then, in order', async () => {
    const agent = newAgent()
    const before = await start()
    await connectControl(before, agent)
    await before.kill()

    const after = await start()
    const payloads = Array.from({ length: 20 }, (_, i) => `wake-up ${i}`)
    for (const payload of payloads) await after.tell(wakeUp(agent, payload))
    const back = await connectControl(after, agent)
    expect(back.sessionPresent).toBe(true)
    expect(await settled(after, agent, back)).toEqual(payloads)
  })

  test('session and queue of a revoked agent are gone, also after kill -9', async () => {
    const [agent, other] = [newAgent(), newAgent()]
    const before = await start()
    for (const one of [agent, other]) {
      const { client } = await connectControl(before, one)
      await client.endAsync()
      for (let i = 0; i < 3; i += 1) await before.tell(wakeUp(one, `queued ${i}`))
    }
    await before.tell({ do: 'revoke', agent })
    expect(await before.tell({ do: 'count', agent })).toBe(0)
    expect(await before.tell({ do: 'count', agent: other })).toBe(3)
    await before.kill()

    const after = await start()
    const back = await connectControl(after, agent)
    expect(back.sessionPresent).toBe(false)
    expect(await settled(after, agent, back)).toEqual([])
    const kept = await connectControl(after, other)
    expect(await settled(after, other, kept)).toEqual(['queued 0', 'queued 1', 'queued 2'])
  })

  test('a queue holds the newest hundred wake-ups and no more', async () => {
    const agent = newAgent()
    const broker = await start()
    const { client } = await connectControl(broker, agent)
    await client.endAsync()
    for (let i = 0; i < 130; i += 1) await broker.tell(wakeUp(agent, String(i)))
    expect(await broker.tell({ do: 'count', agent })).toBe(100)
    const back = await connectControl(broker, agent)
    const newest = Array.from({ length: 100 }, (_, i) => String(i + 30))
    await until(() => back.got.length === 100)
    expect(await settled(broker, agent, back)).toEqual(newest)
  })
})

describe('Redis', () => {
  const dataDir = directory()
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

  test('nothing of a revoked agent stays in Redis, neither its queue nor its packets', async () => {
    const redis = await startRedis(await freePort(), dataDir)
    onTestFinished(() => redis.kill())
    const agent = newAgent()
    const broker = await BrokerProcess.start(dataDir, redis.url)
    const { client } = await connectControl(broker, agent)
    await client.endAsync()
    for (let i = 0; i < 5; i += 1) await broker.tell(wakeUp(agent, String(i)))
    const reader = new Redis(redis.url)
    onTestFinished(() => void reader.disconnect())
    expect((await reader.keys('*')).length).toBeGreaterThan(5)
    await broker.tell({ do: 'revoke', agent })
    expect(await reader.keys('*')).toEqual([])
  })

  test('while Redis is away no agent gets in and the broker lives; with Redis it goes on', async () => {
    const port = await freePort()
    const redis = await startRedis(port, dataDir)
    const agent = newAgent()
    const broker = await BrokerProcess.start(dataDir, redis.url)
    const { client } = await connectControl(broker, agent)
    await client.endAsync()
    await redis.kill()
    await expect(connectControl(broker, agent)).rejects.toThrow()
    await expect(broker.tell(wakeUp(agent, 'nowhere to keep it'))).rejects.toThrow()
    expect(broker.isAlive).toBe(true)
    const returned = await startRedis(port, dataDir)
    onTestFinished(() => returned.kill())
    await until(() =>
      connectControl(broker, agent).then(
        () => true,
        () => false,
      ),
    )
    expect(broker.isAlive).toBe(true)
  })

  test('a Redis that cannot be reached is an error that names the variable, not the address', async () => {
    const redisUrl = `redis://user:secret@${local}:${await freePort()}`
    const failed = openPersistence({ dataDir, redisUrl })
    const problems = ['TRAVESSIA_REDIS_URL: Redis cannot be reached']
    await expect(failed).rejects.toMatchObject({ details: { problems } })
    await expect(failed).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })
})
