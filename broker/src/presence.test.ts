import { once } from 'node:events'
import { willPayload } from '@travessia/schemas/reports'
import { formatTopic } from '@travessia/schemas/topics'
import { expect, test } from 'vitest'
import {
  closeOf,
  connectAs,
  connectControl,
  eventually,
  newAgent,
  rawSocket,
  settle,
  startWorld,
  tokenOf,
} from './broker.fixture.ts'
import { connect, publish } from './packets.fixture.ts'

const agent = newAgent()
const command = formatTopic({ ...agent, channel: 'cmd', kind: 'command' })
const status = formatTopic({ ...agent, channel: 'status' })

test('presence says which connection came and went, and from which address', async () => {
  const world = await startWorld()
  const control = await connectAs(world, agent, 'control')
  await eventually(() => expect(world.seen).toHaveLength(1))
  const data = await connectAs(world, agent, 'data')
  await eventually(() => expect(world.seen).toHaveLength(2))
  data.client.end()
  await eventually(() => expect(world.seen).toHaveLength(3))
  control.client.stream.destroy()
  await eventually(() => expect(world.seen).toHaveLength(4))
  expect(world.seen.map(({ connection, connected }) => [connection, connected])).toEqual([
    ['control', true],
    ['data', true],
    ['data', false],
    ['control', false],
  ])
  for (const one of world.seen) expect(one).toMatchObject({ ...agent, address: '127.0.0.1' })
})

test('[MQTT-3.1.4-2] a new connection of the same agent ends the old one and is the last word', async () => {
  const world = await startWorld()
  const old = await connectControl(world, agent)
  const ended = closeOf(old.client)
  const { got } = await connectControl(world, agent)
  await ended
  await eventually(() => expect(world.seen.at(-1)?.connected).toBe(true))
  await settle(world)
  const own = world.seen.filter(({ agentId }) => agentId === agent.agentId)
  expect(own.map(({ connected }) => connected)).toEqual([true, false, true])
  await world.broker.publish(command, 'to the new one')
  await eventually(() => expect(got).toEqual(['to the new one']))
  expect(old.got).toEqual([])
})

test('an agent whose old connection breaks while the new one comes is connected, then gone, never the reverse', async () => {
  const world = await startWorld()
  const payload = willPayload
  const username = agent.agentId
  const hello = connect({
    ...{ clientId: username, username, password: tokenOf(agent), clean: false },
    will: { topic: status, payload },
  })
  let socket = await rawSocket(world, hello)
  await once(socket, 'data')
  for (let round = 0; round < 15; round += 1) {
    const old = socket
    socket = await rawSocket(world)
    socket.write(hello)
    if (round % 3 > 0) old.destroy()
    if (round % 3 > 1) await new Promise(setImmediate)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.subarray(0, 2)).toEqual(Buffer.from([0x20, 2]))
    socket.write(publish(status, `round ${round}`, 1))
    await once(socket, 'data')
    await eventually(() => expect(world.seen.at(-1)?.connected).toBe(true))
  }
  await settle(world)
  const own = () => world.seen.filter(({ agentId }) => agentId === agent.agentId)
  expect(own().at(-1)?.connected).toBe(true)
  expect(world.heard.at(-1)?.payload).toBe('round 14')
  socket.destroy()
  await eventually(() => expect(own().at(-1)?.connected).toBe(false))
})
