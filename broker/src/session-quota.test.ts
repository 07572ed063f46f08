import { once } from 'node:events'
import { controlFilter, formatTopic } from '@travessia/schemas/topics'
import { expect, test } from 'vitest'
import {
  connectControl,
  eventually,
  newAgent,
  rawSocket,
  startWorld,
  tokenOf,
} from './broker.fixture.ts'
import { connect, subscribe } from './packets.fixture.ts'
import { dropQueued, maxQueued } from './session-quota.ts'

const agent = newAgent()
const commandTopic = formatTopic({ ...agent, channel: 'cmd', kind: 'command' })

test('an agent that never acknowledges fills its queue to the cap, then the oldest go', async () => {
  const world = await startWorld()
  const username = agent.agentId
  const hello = connect({ clientId: username, username, password: tokenOf(agent), clean: false })
  const socket = await rawSocket(world, hello)
  await once(socket, 'data')
  socket.write(subscribe([controlFilter(agent)], 1, 1))
  await once(socket, 'data')
  socket.resume()
  const extra = 15
  for (let i = 0; i < maxQueued + extra; i += 1) await world.broker.publish(commandTopic, `n${i}`)
  socket.destroy()
  await eventually(() => expect(world.seen.at(-1)?.connected).toBe(false))
  const { got } = await connectControl(world, agent)
  await eventually(() => expect(got).toHaveLength(maxQueued))
  expect(got[0]).toBe(`n${extra}`)
  expect(world.logged.filter((line) => line.includes('queue full'))).toHaveLength(extra)
})

test('a queue below the cap is left alone', async () => {
  const world = await startWorld()
  const { client } = await connectControl(world, agent)
  await client.endAsync()
  for (let i = 0; i < 3; i += 1) await world.broker.publish(commandTopic, `n${i}`)
  expect(await dropQueued(world.persistence.engine, agent.agentId, 3)).toBe(0)
  const { got } = await connectControl(world, agent)
  await eventually(() => expect(got).toEqual(['n0', 'n1', 'n2']))
})

test('a message that is acknowledged while the queue is cut is simply gone', async () => {
  const gone = async () => {
    throw new TypeError('no such packet')
  }
  const engine: Parameters<typeof dropQueued>[0] = {
    outgoingClearMessageId: gone,
    outgoingUpdate: gone,
    async *outgoingStream() {
      yield {}
      yield { messageId: 7 }
    },
  }
  expect(await dropQueued(engine, agent.agentId, 0)).toBe(2)
})
