/**
 * The whole of Travessia through a broker that is not ours: Debian's mosquitto with the access list of
 * docs/protocol.md ("Another broker"), the node as one of its clients, the agents dialling it.
 */
import { newId } from '@travessia/schemas/ids'
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { documentedRules, type RunningBroker, startMosquitto } from '../rig/mosquitto.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'

let port: number
let broker: RunningBroker
let stack: Stack
let manager: Api
let gate: Item

beforeAll(async () => {
  port = await freePort()
  broker = await startMosquitto(port, documentedRules())
  stack = await startStack({
    env: {
      TRAVESSIA_BROKER_URL: `mqtt://travessia-node:secret@127.0.0.1:${port}`,
      TRAVESSIA_BROKER_KEEPS_APART: '1',
    },
  })
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  gate = await eventually(() => deviceNamed(manager, 'Catraca Entrada').catch(() => undefined), {
    withinMs: 60_000,
  })
  await untilOpens()
})

afterAll(async () => {
  await stack?.stop()
  await broker?.stop()
})

async function pageStatus(): Promise<number> {
  const session = await enterSession(manager, gate.id)
  const { status } = await fetchPage(`${session.base}/`, { headers: { cookie: session.cookie } })
  return status
}

function untilOpens(): Promise<boolean> {
  const ask = async () => (await pageStatus().catch(() => 0)) === 200
  return eventually(ask, { withinMs: 60_000, what: 'a page through the broker' })
}

async function openGate(): Promise<string> {
  const posted = await manager.call<{ commandId: string }>(
    'POST',
    `/api/devices/${gate.id}/commands`,
    {
      command: 'OpenGate',
      args: { direction: 'clockwise' },
    },
  )
  expect(posted.status).toBe(202)
  return eventually(async () => {
    const { status } = await manager.get<{ status: string }>(
      `/api/commands/${posted.body.commandId}`,
    )
    return ['succeeded', 'failed', 'refused', 'expired', 'unknown'].includes(status) && status
  })
}

test('a page of a device and a command go through it; nobody is shown its credential', async () => {
  expect(await pageStatus()).toBe(200)
  expect(await openGate()).toBe('succeeded')
  expect([stack.wsUrl, stack.mqttUrl].join()).not.toContain('secret')
})

test('with the documented access list another agent reads nothing', async () => {
  const stranger = newId()
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    ...{ clientId: stranger, username: stranger, password: 'x', reconnectPeriod: 0 },
  })
  const read: string[] = []
  client.on('message', (topic) => read.push(topic))
  await client.subscribeAsync('travessia/v1/#', { qos: 1 })
  expect(await openGate()).toBe('succeeded')
  expect(await pageStatus()).toBe(200)
  await client.endAsync()
  expect(read).toEqual([])
})

test('without the broker pages are refused at once; when it is back they open again by themselves', async () => {
  const session = await enterSession(manager, gate.id)
  const page = () => fetchPage(`${session.base}/`, { headers: { cookie: session.cookie } })
  expect((await page()).status).toBe(200)
  await broker.stop()
  const refused = await eventually(async () => {
    const { status, headers } = await page()
    const code = headers['x-travessia-error']
    // What the node sent before it heard that the broker is gone has got lost.
    return status !== 200 && code !== 'TUNNEL_LOST' && [status, code]
  })
  expect(refused).toEqual([503, 'AGENT_OFFLINE'])
  broker = await startMosquitto(port, documentedRules())
  await untilOpens()
  expect(await openGate()).toBe('succeeded')
})
