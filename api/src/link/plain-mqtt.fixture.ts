/** A plain link to a broker of a test, and what only such a link must do: lose its broker and find it again. */
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { formatTopic } from '@travessia/schemas/topics'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../rig/free-port.ts'
import type { RunningBroker } from '../../../rig/mosquitto.ts'
import { log } from './brokers.fixture.ts'
import { connectAgent, eventually, greet, type LinkWorld, newAgent, start } from './conformance.ts'
import { PlainMqttLink, type PlainMqttOptions } from './plain-mqtt.ts'

export function plainWorld(
  mqttUrl: string,
  { saysPresence = false, url = mqttUrl, ...options }: Options = {},
): LinkWorld {
  const nodeId = newId()
  const password = JSON.stringify({ kind: 'node', nodeId, expiresAt: Date.now() + 60_000 })
  const revoked = new Set<string>()
  const link = new PlainMqttLink({
    ...{ nodeId, url, now: Date.now, log },
    login: async () => ({ username: nodeId, password }),
    admits: ({ agentId }) => !revoked.has(agentId),
    refused: () => [],
    ...options,
  })
  onTestFinished(() => link.stop())
  return { link, mqttUrl, saysPresence, revoked }
}

type Options = Partial<PlainMqttOptions & { readonly saysPresence: boolean }>
type StartBroker = (port: number) => Promise<RunningBroker>

export function describePlainLink(startBroker: StartBroker): void {
  testLoss(startBroker)
  testFinding(startBroker)
}

function testLoss(startBroker: StartBroker): void {
  test('who loses the broker has lost every agent at once, and has them back by itself', async () => {
    const port = await freePort()
    const before = await startBroker(port)
    const world = plainWorld(before.mqttUrl)
    const heard = await start(world)
    const one = await connectAgent(world)
    await greet(one, heard)
    const { agentId } = one.agent
    await before.stop()
    await eventually(() =>
      expect(heard.said.slice(-2)).toEqual([`${agentId} data false`, `${agentId} control false`]),
    )
    expect(world.link.send(one.agent, Buffer.from('x'))).toBe(false)
    await expect(world.link.command(one.agent, 'command', 'x')).rejects.toThrow(
      expect.objectContaining({ code: 'AGENT_OFFLINE' }),
    )
    const after = await startBroker(port)
    onTestFinished(() => after.stop())
    const back = await connectAgent(world, one.agent)
    expect(world.link.send(one.agent, Buffer.from('x'))).toBe(false)
    await greet(back, heard)
    expect(world.link.send(one.agent, Buffer.from('again'))).toBe(true)
    await eventually(() => expect(back.frames.map(String)).toEqual(['again']))
    await world.link.command(one.agent, 'command', 'again')
    await eventually(() => expect(back.commands).toEqual(['command again']))
  })
}

function testFinding(startBroker: StartBroker): void {
  test('a link that starts before its broker finds it', async () => {
    const port = await freePort()
    const world = plainWorld(`mqtt://127.0.0.1:${port}`)
    const heard = await start(world)
    const broker = await startBroker(port)
    onTestFinished(() => broker.stop())
    await greet(await connectAgent(world), heard)
  })

  test('an agent whose will was said takes no frames until it speaks again', async () => {
    const world = await openWorld(startBroker)
    const heard = await start(world)
    const one = await connectAgent(world)
    await greet(one, heard)
    one.control.stream.destroy()
    const will = `${one.agent.agentId} status ${willPayload}`
    await eventually(() => expect(heard.said).toContain(will))
    expect(world.link.send(one.agent, Buffer.from('x'))).toBe(false)
  })
}

async function openWorld(
  startBroker: StartBroker,
  options: Partial<PlainMqttOptions> = {},
): Promise<LinkWorld> {
  const { mqttUrl, stop } = await startBroker(await freePort())
  onTestFinished(stop)
  return plainWorld(mqttUrl, options)
}

/** For a broker that lets everybody say everything. */
export function describeAdmission(startBroker: StartBroker): void {
  test('what an agent says that is not paired, or under the id of another tenant, is dropped', async () => {
    const good = newAgent()
    const world = await openWorld(startBroker, {
      admits: ({ tenantId, agentId }) => tenantId === good.tenantId && agentId === good.agentId,
    })
    const heard = await start(world)
    await greet(await connectAgent(world, good), heard)
    for (const agent of [newAgent(), { ...good, tenantId: newId() }]) {
      const liar = await connectAgent(world, agent)
      await liar.control.publishAsync(formatTopic({ ...agent, channel: 'ack' }), 'lie', { qos: 1 })
    }
    await greet(await connectAgent(world, good), heard)
    expect(heard.said.filter((said) => said.includes('lie'))).toEqual([])
  })

  test('a revoked agent is told as gone and not heard any more, whatever its broker still lets through', async () => {
    const [one, other] = [newAgent(), newAgent()]
    const world = await openWorld(startBroker)
    const heard = await start(world)
    await greet(await connectAgent(world, one), heard)
    world.revoked.add(one.agentId)
    await world.link.revoke(one)
    expect(heard.said).toContain(`${one.agentId} data false`)
    const { control } = await connectAgent(world, one)
    await control.publishAsync(formatTopic({ ...one, channel: 'ack' }), 'still here', { qos: 1 })
    await greet(await connectAgent(world, other), heard)
    expect(heard.said.filter((said) => said.includes('still here'))).toEqual([])
  })
}
