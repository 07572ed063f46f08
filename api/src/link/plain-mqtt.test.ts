import { meetOverMqtt } from '@travessia/broker/over-mqtt'
import { formatTopic } from '@travessia/schemas/topics'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../rig/free-port.ts'
import { log, startOwnBroker } from './brokers.fixture.ts'
import { connectAgent, describeLink, eventually, newAgent, start } from './conformance.ts'
import { describePlainLink, plainWorld } from './plain-mqtt.fixture.ts'

describeLink(async () => {
  const { broker, mqttUrl, stop } = await startOwnBroker()
  meetOverMqtt(broker, { revoked: { add: () => true }, now: Date.now, log })
  onTestFinished(stop)
  return plainWorld(mqttUrl, { saysPresence: true })
})
describePlainLink(startOwnBroker)

test('what a broker that was away has missed is said at each connection, with its time', async () => {
  const port = await freePort()
  const missed = { ...newAgent(), at: 1_700_000_000_000 }
  await start(plainWorld(`mqtt://127.0.0.1:${port}`, { refused: () => [missed] }))
  for (const _connection of ['first', 'second']) {
    const { broker, stop } = await startOwnBroker(port)
    const said: string[] = []
    broker.onPublish((topic, payload) => {
      if (topic.channel === 'revoke') said.push(`${topic.agentId} ${payload}`)
    })
    await eventually(() => expect(said).toEqual([`${missed.agentId} ${missed.at}`]))
    await stop()
  }
})

test('said again, a revocation does not cut who has come with a newer token since', async () => {
  const { broker, mqttUrl, stop } = await startOwnBroker()
  onTestFinished(stop)
  const told: number[] = []
  const revoked = { add: (_agentId: string, at: number) => told.push(at) === 1 }
  meetOverMqtt(broker, { revoked, now: Date.now, log })
  const world = plainWorld(mqttUrl, { saysPresence: true })
  await start(world)
  const one = await connectAgent(world)
  const isCut = new Promise<void>((done) => one.control.once('close', () => done()))
  await world.link.revoke(one.agent)
  await isCut
  const again = await connectAgent(world, one.agent)
  await world.link.revoke(one.agent)
  expect(told).toHaveLength(2)
  await again.control.publishAsync(formatTopic({ ...one.agent, channel: 'ack' }), '', { qos: 1 })
  expect(again.control.connected).toBe(true)
})
