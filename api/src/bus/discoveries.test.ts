import type { DiscoveryOrder, Suggestion } from '@travessia/schemas/discovery'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { AgentIntent } from '../domain/agent.ts'
import { Discoveries } from './discoveries.ts'

const agent = { tenantId: newId(), agentId: newId() }
const other = { tenantId: agent.tenantId, agentId: newId() }
const found: Suggestion = {
  ...{ name: 'Prusa', kind: 'printer', driver: 'octoprint' },
  ...{ baseUrl: 'http://10.0.0.1', via: 'mdns' },
}

function setUp({ answerMs = 60_000, command = async () => undefined } = {}) {
  const intents: Array<[AgentIntent, string | undefined]> = []
  const orders: DiscoveryOrder[] = []
  const discoveries: Discoveries = new Discoveries({
    ...{ now: () => 1_000, answerMs, link: { command } },
    tokens: {
      signDiscovery: async (order) => {
        orders.push(order)
        return 'jws'
      },
    },
    recorder: {
      agentIntent: async (_agent, intent, correlationId) => {
        intents.push([intent, correlationId])
        return true
      },
    },
  })
  const asked = { discoveryId: newId(), correlationId: 'request' }
  const report = { kind: 'discovery', discoveryId: asked.discoveryId, suggestions: [] } as const
  return { discoveries, intents, orders, asked, report }
}
/** Until the order is out. */
const sent = () => new Promise(setImmediate)

test('what the agent found is the answer, and how much it was is recorded with the request’s id', async () => {
  const { discoveries, intents, orders, asked, report } = setUp()
  const answer = discoveries.search(agent, asked)
  await sent()
  expect(orders).toEqual([{ id: asked.discoveryId, ...agent, expiresAt: 7_000 }])
  discoveries.reported(agent, { ...report, suggestions: [found] })
  expect(await answer).toEqual([found])
  const finished = { discoveryId: asked.discoveryId, found: 1 }
  expect(intents).toEqual([[{ type: 'FinishDiscovery', finished }, 'request']])
})

test('why the agent did not look is the answer, and recorded', async () => {
  const { discoveries, intents, asked, report } = setUp()
  const answer = discoveries.search(agent, asked)
  await sent()
  discoveries.reported(agent, { ...report, suggestions: [], errorCode: 'AGENT_PAUSED' })
  await expect(answer).rejects.toMatchObject({ code: 'AGENT_PAUSED' })
  expect(intents[0]?.[0]).toMatchObject({ finished: { found: 0, errorCode: 'AGENT_PAUSED' } })
})

test('an agent that says nothing in time has not answered', async () => {
  const silent = setUp({ answerMs: 20 })
  await expect(silent.discoveries.search(agent, silent.asked)).rejects.toMatchObject({
    code: 'AGENT_NO_ANSWER',
  })
  expect(silent.intents[0]?.[0]).toMatchObject({ finished: { errorCode: 'AGENT_NO_ANSWER' } })
})

test('another agent cannot answer, nor can anybody answer late or twice', async () => {
  const { discoveries, intents, asked, report } = setUp({ answerMs: 50 })
  const ended = expect(discoveries.search(agent, asked)).rejects.toMatchObject({
    code: 'AGENT_NO_ANSWER',
  })
  await sent()
  discoveries.reported(other, { ...report, suggestions: [found] })
  await ended
  discoveries.reported(agent, { ...report, suggestions: [found] })
  expect(intents).toHaveLength(1)
})

test('an order that cannot be sent is an error and leaves nothing that waits', async () => {
  const command = () => Promise.reject(new TypeError('closed'))
  const { discoveries, intents, asked, report } = setUp({ command })
  await expect(discoveries.search(agent, asked)).rejects.toThrow('closed')
  discoveries.reported(agent, { ...report, suggestions: [found] })
  expect(intents).toEqual([])
})
