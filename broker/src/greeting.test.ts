import { willPayload } from '@travessia/schemas/reports'
import { formatTopic } from '@travessia/schemas/topics'
import { expect, test, vi } from 'vitest'
import {
  bytesUntilEnd,
  closeOf,
  connectAs,
  connectControl,
  dial,
  dialAs,
  eventually,
  newAgent,
  rawSocket,
  refusedWith,
  settle,
  startWorld,
  tokenOf,
} from './broker.fixture.ts'
import { connect } from './packets.fixture.ts'
import type { Credential } from './principal.ts'

const agent = newAgent()
const victim = newAgent()
const commandTo = (to = agent) => formatTopic({ ...to, channel: 'cmd', kind: 'command' })
const statusOf = (of = agent) => formatTopic({ ...of, channel: 'status' })
const connack = (code: number) => Buffer.from([0x20, 2, 0, code])

test('a valid credential cannot take the id of another agent, who stays connected', async () => {
  const world = await startWorld()
  const { client, got } = await connectControl(world, victim)
  const closed = vi.fn()
  client.on('close', closed)
  for (const clientId of [victim.agentId, `${victim.agentId}-d`]) {
    for (const clean of [true, false]) {
      for (const username of [agent.agentId, victim.agentId]) {
        const thief = dialAs(world, agent, 'control', { clientId, clean, username })
        expect(await refusedWith(thief)).toBe(2)
      }
    }
  }
  await world.broker.publish(commandTo(victim), 'still mine')
  await eventually(() => expect(got).toEqual(['still mine']))
  expect(closed).not.toHaveBeenCalled()
  expect(world.seen.map(({ connected }) => connected)).toEqual([true])
})

test('the queue of an absent agent is not given to who asks with its id, nor lost', async () => {
  const world = await startWorld()
  const first = await connectControl(world, victim)
  await first.client.endAsync()
  await world.broker.publish(commandTo(victim), 'for the victim')
  for (const clean of [true, false]) {
    const thief = dialAs(world, agent, 'control', { clientId: victim.agentId, clean })
    expect(await refusedWith(thief)).toBe(2)
  }
  const back = await connectControl(world, victim)
  expect(back.sessionPresent).toBe(true)
  await eventually(() => expect(back.got).toEqual(['for the victim']))
})

test('[MQTT-3.1.3-8] an empty client id is refused with code 2, clean or not', async () => {
  const world = await startWorld()
  for (const clean of [true, false]) {
    const hello = { clientId: '', clean, username: agent.agentId, password: tokenOf(agent) }
    expect(await bytesUntilEnd(await rawSocket(world, connect(hello)))).toEqual(connack(2))
  }
})

test('[MQTT-3.1.2-2] MQTT 5 is refused with code 1, with properties too', async () => {
  const world = await startWorld()
  const hello = { clientId: agent.agentId, level: 5, username: agent.agentId, clean: false }
  const answer = await bytesUntilEnd(await rawSocket(world, connect(hello)))
  expect(answer).toEqual(connack(1))
  expect(
    await refusedWith(dialAs(world, agent, 'control', { protocolVersion: 5 })),
  ).toBeGreaterThan(0)
})

test.each([0, 1, 3_600, 65_535])(
  'a silent client with keepalive %d is cut at one and a half times the longest that is granted',
  async (keepalive) => {
    const world = await startWorld({ limits: { maxKeepaliveSeconds: 0.1 } })
    const username = agent.agentId
    const hello = {
      clientId: username,
      username,
      password: tokenOf(agent),
      clean: false,
      keepalive,
    }
    const socket = await rawSocket(world, connect(hello))
    expect(await bytesUntilEnd(socket)).toEqual(connack(0))
    await eventually(() =>
      expect(world.seen.map(({ connected }) => connected)).toEqual([true, false]),
    )
  },
)

test.each([
  ['on a foreign topic', { topic: statusOf(victim) }],
  ['on the own command topic', { topic: commandTo() }],
  ['with another payload', { payload: Buffer.from('{"online":true}') }],
  ['that is retained', { retain: true }],
])('a CONNECT with a will %s is refused, the will never published', async (_what, change) => {
  const world = await startWorld()
  const will = {
    topic: statusOf(),
    payload: Buffer.from(willPayload),
    qos: 1,
    retain: false,
  }
  const options = { will: { ...will, qos: 1 as const, ...change } }
  expect(await refusedWith(dialAs(world, agent, 'control', options))).toBe(5)
  await settle(world)
  expect(world.heard).toEqual([])
})

test('a credential check that throws is a refusal, and says that it is not the credential', async () => {
  const world = await startWorld({
    verify: () => {
      throw new TypeError('key set is away')
    },
  })
  expect(await refusedWith(dialAs(world, agent, 'control'))).toBe(3)
  expect(await refusedWith(dial(world, { clientId: agent.agentId, clean: false }))).toBe(3)
})

test('a credential check that never ends does not hold the connection', async () => {
  const world = await startWorld({
    verify: () => new Promise(() => undefined),
    limits: { connectTimeoutMs: 50 },
  })
  await closeOf(dialAs(world, agent, 'control'))
})

test('a connection that goes away while its credential is looked at leaves nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<Credential>()
  const asked = Promise.withResolvers<void>()
  const world = await startWorld({
    limits: { maxSocketsPerTenant: 1 },
    verify: (token) => {
      if (token === 'slow') asked.resolve()
      return token === 'slow' ? promise : Promise.resolve(JSON.parse(token) as Credential)
    },
  })
  const first = dialAs(world, agent, 'control', { password: 'slow' })
  await asked.promise
  first.stream.destroy()
  await closeOf(first)
  await settle(world)
  resolve({ kind: 'agent', ...agent, expiresAt: Date.now() + 60_000 })
  await connectAs(world, agent, 'control')
  await eventually(() => expect(world.seen.at(-1)).toMatchObject({ ...agent, connected: true }))
  expect(world.seen.filter(({ agentId }) => agentId === agent.agentId)).toHaveLength(1)
})

test('a tenant has a limited number of connections; another tenant does not feel it', async () => {
  const world = await startWorld({ limits: { maxSocketsPerTenant: 2 } })
  const control = await connectAs(world, agent, 'control')
  await connectAs(world, agent, 'data')
  const sibling = newAgent(agent.tenantId)
  expect(await refusedWith(dialAs(world, sibling, 'control'))).toBe(3)
  await connectAs(world, victim, 'control')
  await control.client.endAsync()
  await eventually(() => expect(world.seen.some(({ connected }) => !connected)).toBe(true))
  await connectAs(world, sibling, 'control')
})
