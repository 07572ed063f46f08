import type { CommandStatus } from '@travessia/schemas/commands'
import { newId } from '@travessia/schemas/ids'
import { type Heartbeat, stoppedPayload, willPayload } from '@travessia/schemas/reports'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { createAgentPresence } from './agent-presence.ts'
import { Inbox, silentMs } from './inbox.ts'

const agent = { tenantId: newId(), agentId: newId() }
const host = {
  ...{ hostname: 'pi', os: 'linux', arch: 'arm64', lanAddresses: [], load: 0 },
  ...{ memoryUsedBytes: 1, memoryTotalBytes: 2, uptimeSeconds: 3 },
}
const heartbeat: Heartbeat = {
  ...{ online: true, bootId: newId(), dataEpoch: 'e1', version: '1', devicesVersion: 4, host },
}

function setUp({ isKnown = true, written }: { isKnown?: boolean; written?: Promise<void> } = {}) {
  const said: string[] = []
  /** The data connections, as far as they have names. */
  const greeted: Array<string | undefined> = []
  const reasons: string[] = []
  const clock = { now: 1_000_000 }
  const presence = createAgentPresence()
  const note = (text: string) => void said.push(text)
  const inbox = new Inbox({
    ...{ presence, now: () => clock.now, log: pino({ level: 'silent' }) },
    tunnel: {
      onFrame: () => note('frame'),
      hello: (_agent, dataEpoch) => {
        note('hello')
        greeted.push(dataEpoch)
      },
      lost: () => note('lost'),
    },
    deviceLists: {
      confirmed: (_agent, version) => note(`confirmed ${version}`),
      connected: () => note('list'),
    },
    passages: { report: async () => undefined },
    witnesses: {
      connected: () => note('witness'),
      reported: async (_agent, { size }) => note(`witnessed ${size}`),
    },
    discoveries: { reported: () => undefined },
    deviceStates: { report: async (_agent, { state }) => note(`state ${state.detail}`) },
    dispatcher: {
      connected: () => note('orders'),
      noted: (_id, status) => note(`noted ${status}`),
    },
    recorder: {
      agentIntent: async (_agent, intent) => {
        note(intent.type)
        if (intent.type === 'DisconnectAgent') reasons.push(intent.reason)
        await written
        return isKnown
      },
      commandReport: async (_agent, report): Promise<CommandStatus> => {
        await new Promise(setImmediate)
        return report.status
      },
    },
  })
  const status = (text: string) => inbox.report(agent, 'status', text)
  const settled = () => inbox.stop()
  return { said, reasons, greeted, clock, presence, inbox, status, settled }
}

test('the first heartbeat connects: fact, device list, waiting orders; the next ones only keep it so', async () => {
  const { said, presence, status, settled } = setUp()
  status(JSON.stringify(heartbeat))
  status(JSON.stringify(heartbeat))
  await settled()
  expect(said).toEqual([
    'ConnectAgent',
    'hello',
    'confirmed 4',
    'list',
    'orders',
    'witness',
    'confirmed 4',
  ])
  expect(presence.of(agent.agentId)).toMatchObject({ isOnline: true, heartbeat })
})

test('a heartbeat of an agent that is not known any more leaves nothing', async () => {
  const { said, presence, status, settled } = setUp({ isKnown: false })
  status(JSON.stringify(heartbeat))
  await settled()
  expect(said).toEqual(['ConnectAgent'])
  expect(presence.of(agent.agentId).isOnline).toBe(false)
})

test('the last will, a lost control connection and silence each make it offline, once', async () => {
  for (const leave of [
    ({ status }: ReturnType<typeof setUp>) => status(willPayload),
    ({ inbox }: ReturnType<typeof setUp>) =>
      inbox.presence(agent, { connection: 'control', connected: false, address: '', at: 0 }),
  ]) {
    const one = setUp()
    one.status(JSON.stringify(heartbeat))
    leave(one)
    leave(one)
    await one.settled()
    expect(one.said.filter((text) => text === 'DisconnectAgent')).toHaveLength(1)
    expect(one.presence.of(agent.agentId).isOnline).toBe(false)
  }
})

test('an agent that was stopped says so, and that its connection ends then says nothing more', async () => {
  const { said, reasons, presence, inbox, status, settled } = setUp()
  status(JSON.stringify(heartbeat))
  status(stoppedPayload)
  inbox.presence(agent, { connection: 'control', connected: false, address: '', at: 0 })
  await settled()
  expect(said.filter((text) => text === 'DisconnectAgent')).toHaveLength(1)
  expect(reasons).toEqual(['stopped'])
  expect(presence.of(agent.agentId).isOnline).toBe(false)
})

test('an agent without a word for 75 s counts as gone', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { said, clock, inbox, status, settled } = setUp()
  inbox.start()
  status(JSON.stringify(heartbeat))
  await expect.poll(() => said).toContain('orders')
  clock.now += silentMs + 1
  vi.advanceTimersByTime(silentMs / 5)
  await settled()
  vi.useRealTimers()
  expect(said).toContain('DisconnectAgent')
})

test('a data connection that comes or goes is told to the tunnel at once', () => {
  const { said, inbox } = setUp()
  inbox.presence(agent, { connection: 'data', connected: true, address: '', at: 0 })
  inbox.presence(agent, { connection: 'data', connected: false, address: '', at: 0 })
  expect(said).toEqual(['hello', 'lost'])
})

test('a heartbeat tells the tunnel the name of the data connection, which the broker does not know', async () => {
  const { greeted, inbox, status, settled } = setUp()
  inbox.presence(agent, { connection: 'data', connected: true, address: '', at: 0 })
  status(JSON.stringify(heartbeat))
  await settled()
  expect(greeted).toEqual([undefined, 'e1'])
})

test('reports of one agent are worked off in order', async () => {
  const { said, inbox, settled } = setUp()
  for (const status of ['delivered', 'running', 'succeeded'])
    inbox.report(
      agent,
      'ack',
      JSON.stringify({ kind: 'command', commandId: newId(), status, at: 1 }),
    )
  inbox.report(agent, 'ack', JSON.stringify({ kind: 'devices', version: 9 }))
  await settled()
  expect(said).toEqual(['noted delivered', 'noted running', 'noted succeeded', 'confirmed 9'])
})

test.each([
  'not json',
  '',
  '[]',
  'null',
  '{}',
  '{"online":true}',
  '{"kind":"command"}',
  `{"online":1e999}`,
  '{"__proto__":{"online":true}}',
  '['.repeat(10_000),
])('a malformed report (%#) leaves nothing, and the next one counts', async (text) => {
  const { said, inbox, status, settled } = setUp()
  status(text)
  inbox.report(agent, 'ack', text)
  status(JSON.stringify(heartbeat))
  await settled()
  expect(said[0]).toBe('ConnectAgent')
})

test('an agent that was gone gets a new HELLO though its data connection is the same', async () => {
  const { said, status, settled } = setUp()
  status(JSON.stringify(heartbeat))
  status(willPayload)
  status(JSON.stringify(heartbeat))
  await settled()
  expect(said.filter((word) => word === 'hello' || word === 'lost')).toEqual([
    ...['hello', 'lost', 'hello'],
  ])
})

test('a heartbeat without a data connection ends the tunnel, whatever the broker says or not', async () => {
  const { said, status, settled } = setUp()
  status(JSON.stringify(heartbeat))
  status(JSON.stringify({ ...heartbeat, dataEpoch: '' }))
  await settled()
  expect(said.filter((word) => word === 'hello' || word === 'lost')).toEqual(['hello', 'lost'])
})

test('what an agent says to a checkpoint goes to the witnesses', async () => {
  const { inbox, said, settled } = setUp()
  inbox.report(agent, 'ack', JSON.stringify({ kind: 'checkpoint', size: 7 }))
  await settled()
  expect(said).toEqual(['witnessed 7'])
})

test('an agent that says more than can be written down is not heard any more until it was, but for that it is gone', async () => {
  const { said, inbox, settled } = setUp()
  const ack = (size: number) => JSON.stringify({ kind: 'checkpoint', size })
  for (let size = 1; size <= 5_000; size += 1) inbox.report(agent, 'ack', ack(size))
  inbox.presence(agent, { connection: 'control', connected: false, address: '', at: 0 })
  await settled()
  expect(said).toHaveLength(1_001)
  expect(said.slice(-2)).toEqual(['witnessed 1000', 'lost'])
  inbox.report(agent, 'ack', ack(5_001))
  await settled()
  expect(said.at(-1)).toBe('witnessed 5001')
})

test('a report with NUL or half a character in a text counts, and is kept without', async () => {
  const { said, presence, inbox, status, settled } = setUp()
  const hostname = 'pi\0\ud800\u001b😀'
  status(JSON.stringify({ ...heartbeat, host: { ...host, hostname } }))
  const state = { status: 'error', detail: 'a\0b' }
  inbox.sample(agent, 'state', JSON.stringify({ deviceId: newId(), state }))
  await settled()
  expect(presence.of(agent.agentId).heartbeat?.host.hostname).toBe('pi\ufffd\ufffd\u001b😀')
  expect(said.at(-1)).toBe('state a\ufffdb')
})

test('a data connection that comes while it is written that its agent is there keeps its tunnel', async () => {
  const { promise: written, resolve } = Promise.withResolvers<void>()
  const { said, inbox, status, settled } = setUp({ written })
  status(JSON.stringify({ ...heartbeat, dataEpoch: '' }))
  await vi.waitUntil(() => said.includes('ConnectAgent'))
  inbox.presence(agent, { connection: 'data', connected: true, address: '203.0.113.7', at: 0 })
  resolve()
  await settled()
  expect(said.filter((one) => one === 'lost' || one === 'hello')).toEqual(['lost', 'hello'])
})
