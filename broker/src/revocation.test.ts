import { duplexPair } from 'node:stream'
import { formatTopic } from '@travessia/schemas/topics'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  closeOf,
  connectAs,
  connectControl,
  dialAs,
  eventually,
  newAgent,
  refusedWith,
  settle,
  startWorld,
  tokenOf,
} from './broker.fixture.ts'
import { connect } from './packets.fixture.ts'
import type { Credential } from './principal.ts'

const agent = newAgent()
const victim = newAgent()
const command = formatTopic({ ...agent, channel: 'cmd', kind: 'command' })
const ack = formatTopic({ ...agent, channel: 'ack' })

test('revoking an agent ends both its connections, drops its queue and refuses its return', async () => {
  const world = await startWorld()
  const away = await connectControl(world, agent)
  await away.client.endAsync()
  await world.broker.publish(command, 'queued')
  const data = await connectAs(world, agent, 'data')
  const control = await connectAs(world, agent, 'control')
  const bystander = await connectControl(world, victim)
  await eventually(() => expect(control.got).toEqual(['queued']))
  const closed = [closeOf(data.client), closeOf(control.client)]
  world.revoked.add(agent.agentId)
  await world.broker.revoke(agent)
  await Promise.all(closed)
  expect(await refusedWith(dialAs(world, agent, 'control'))).toBe(4)
  expect(bystander.client.connected).toBe(true)
  world.revoked.delete(agent.agentId)
  const again = await connectControl(world, agent)
  expect(again.sessionPresent).toBe(false)
})

test('when revoking is over the connections are, however quick the store is', async () => {
  const world = await startWorld()
  await connectControl(world, agent)
  await connectAs(world, agent, 'data')
  await eventually(() => expect(world.seen).toHaveLength(2))
  Object.assign(world.persistence.engine, {
    outgoingStream: async function* () {},
    cleanSubscriptions: async () => undefined,
  })
  await world.broker.revoke(agent)
  expect(world.seen.filter(({ connected }) => !connected)).toHaveLength(2)
})

test('what was queued for a revoked agent is not delivered to who has its id later', async () => {
  const world = await startWorld()
  const away = await connectControl(world, agent)
  await away.client.endAsync()
  for (let i = 0; i < 5; i += 1) await world.broker.publish(command, `queued ${i}`)
  await world.broker.revoke(agent)
  await world.broker.publish(command, 'nobody is subscribed')
  const again = await connectControl(world, agent)
  expect(again.sessionPresent).toBe(false)
  await world.broker.publish(command, 'new')
  await eventually(() => expect(again.got).toEqual(['new']))
})

test('an agent that is revoked while its credential is looked at does not get in', async () => {
  const { promise, resolve } = Promise.withResolvers<Credential>()
  const asked = Promise.withResolvers<void>()
  const world = await startWorld({
    verify: () => {
      asked.resolve()
      return promise
    },
  })
  const client = dialAs(world, agent, 'control')
  const ended = closeOf(client)
  await asked.promise
  await world.broker.revoke(agent)
  resolve({ kind: 'agent', ...agent, expiresAt: Date.now() + 60_000 })
  await ended
  expect(client.connected).toBe(false)
  expect(world.seen).toEqual([])
})

test('the connection ends with its token', async () => {
  // Its life begins when it is looked at, however long it was on its way.
  const world = await startWorld({
    verify: async () => ({ kind: 'agent', ...agent, expiresAt: Date.now() + 300 }),
  })
  const { client } = await connectAs(world, agent, 'control')
  await closeOf(client)
  await eventually(() =>
    expect(world.seen.map(({ connected }) => connected)).toEqual([true, false]),
  )
})

test.each([
  ['has expired', 0],
  ['expires at no time', Number.NaN],
])('a token that %s is refused', async (_what, expiresAt) => {
  const world = await startWorld({
    verify: async () => ({ kind: 'agent', ...agent, expiresAt }),
  })
  expect(await refusedWith(dialAs(world, agent, 'control'))).toBe(4)
})

test('a token that lives longer than a timer can run does not end the connection at once', async () => {
  const world = await startWorld()
  const password = tokenOf(agent, Date.now() + 60 * 24 * 3_600_000)
  const { client } = await connectAs(world, agent, 'control', { password })
  await settle(world)
  await client.publishAsync(ack, 'alive', { qos: 1 })
  expect(client.connected).toBe(true)
})

test('a connection that has ended leaves no timer behind', async () => {
  const world = await startWorld()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const [here, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  world.broker.onPresence((_agent, { connected }) => (connected ? here : gone).resolve())
  const [client, server] = duplexPair()
  world.broker.accept(server, '127.0.0.1')
  const username = agent.agentId
  client.resume()
  client.write(connect({ clientId: `${username}-d`, username, password: tokenOf(agent) }))
  await here.promise
  expect(vi.getTimerCount()).toBeGreaterThan(0)
  server.destroy()
  await gone.promise
  expect(vi.getTimerCount()).toBe(0)
})
