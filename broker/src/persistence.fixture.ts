/**
 * A broker in a process of its own, that a test may kill: `persistence.fixture.ts DATA_DIR [REDIS_URL]`. It does what
 * it is told by messages and answers each with the same `id`. A token is the credential itself as JSON.
 */
import type { AgentAddress } from '@travessia/schemas/topics'
import { pino } from 'pino'
import { Broker } from './broker.ts'
import { Listeners } from './listeners.ts'
import { openPersistence } from './persistence.ts'
import type { Credential } from './principal.ts'

export type Order =
  | { readonly do: 'publish'; readonly topic: string; readonly payload: string }
  | { readonly do: 'revoke'; readonly agent: AgentAddress }
  /** Answers with how many messages wait for the agent. */
  | { readonly do: 'count'; readonly agent: AgentAddress }
export type Answer = { readonly id: number; readonly value?: number; readonly error?: string }

const [dataDir = '', redisUrl] = process.argv.slice(2)
const persistence = await openPersistence({ dataDir, redisUrl })
const broker = await Broker.create({
  verify: async (token) => JSON.parse(token) as Credential,
  ...{ persistence, now: Date.now, log: pino({}, process.stderr) },
})
const listeners = new Listeners({
  ...{ host: '127.0.0.1', mqttPort: 0, wsPort: 0, maxSocketsPerIp: 10, trustedProxies: [] },
})

async function obey(order: Order): Promise<number | undefined> {
  switch (order.do) {
    case 'publish':
      await broker.publish(order.topic, order.payload)
      return undefined
    case 'revoke':
      await broker.revoke(order.agent)
      return undefined
    case 'count': {
      let count = 0
      for await (const _packet of persistence.engine.outgoingStream({ id: order.agent.agentId }))
        count += 1
      return count
    }
    default:
      return order satisfies never
  }
}

process.on('message', (order: Order & { readonly id: number }) => {
  obey(order).then(
    (value) => process.send?.({ id: order.id, ...(value === undefined ? {} : { value }) }),
    (error: unknown) => process.send?.({ id: order.id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
const { mqttPort } = await listeners.bind()
listeners.open(broker)
process.send?.({ port: mqttPort })
