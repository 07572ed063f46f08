import type { DeviceState } from '@travessia/schemas/device-state'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { Reported } from '../domain/device.ts'
import { device as decider } from '../domain/device.ts'
import type { DeviceRow } from '../views/devices.ts'
import { DeviceStates } from './device-states.ts'

const tenantId = newId()
const agentId = newId()
const installationId = newId()

function statesOf(recorded: DeviceRow['status'] = null) {
  const device = { id: newId(), tenantId, installationId, viaAgent: true, status: recorded }
  const facts: Reported[] = []
  const samples: DeviceState[] = []
  let now = 1_000_000
  const states = new DeviceStates({
    views: {
      devices: {
        get: (tenant: string, id: string) =>
          tenant === tenantId && id === device.id ? device : undefined,
      },
      agents: { current: () => ({ agentId }) },
    } as never,
    history: { add: (_id, _at, state) => void samples.push(state) },
    recorder: { deviceState: async (_device, _agent, reported) => void facts.push(reported) },
    now: () => now,
  })
  const say = (state: DeviceState, by = { tenantId, agentId }, deviceId = device.id) =>
    states.report(by, { deviceId, state })
  return { device, facts, samples, states, say, pass: (ms: number) => (now += ms) }
}

test('a state is kept with the time at which it was heard, and told to listeners', async () => {
  const { device, states, say } = statesOf()
  const heard: string[] = []
  states.onChange((row, { state }) => heard.push(`${row.id} ${state.status}`))
  await say({ status: 'idle' })
  expect(states.of(device.id)).toEqual({ state: { status: 'idle' }, at: 1_000_000 })
  expect(heard).toEqual([`${device.id} idle`])
})

test('a fact is written when the status changes, not for each sample', async () => {
  const { facts, samples, say, pass } = statesOf()
  for (const [status, file] of [
    ['printing', 'a'],
    ['printing', 'a'],
    ['finished', 'a'],
  ] as const) {
    await say({ status, job: { file, progress: 1, secondsLeft: null } })
    pass(1_000)
  }
  expect(facts).toEqual([
    { status: 'printing', file: 'a' },
    { status: 'finished', file: 'a' },
  ])
  expect(samples).toHaveLength(3)
})

test('after a restart of the node the status that is recorded already is no news', async () => {
  const { facts, say } = statesOf('online')
  await say({ status: 'online' })
  expect(facts).toEqual([])
})

test('an agent cannot speak for a device of another tenant or another agent', async () => {
  const { device, states, facts, say } = statesOf()
  await say({ status: 'online' }, { tenantId: newId(), agentId })
  await say({ status: 'online' }, { tenantId, agentId: newId() })
  await say({ status: 'online' }, { tenantId, agentId }, newId())
  expect(states.of(device.id)).toBeUndefined()
  expect(facts).toEqual([])
})

test('samples that come faster than five a second are dropped, a new status never', async () => {
  const { samples, facts, say, pass } = statesOf()
  for (let n = 0; n < 10; n += 1) {
    await say({ status: 'printing' })
    pass(50)
  }
  await say({ status: 'error' })
  expect(samples.length).toBeLessThan(5)
  expect(facts.map(({ status }) => status)).toEqual(['printing', 'error'])
})

test('the decider takes a report only of a device that is there, and only news', () => {
  const reported = { status: 'idle' } as const
  const intent = { type: 'ReportState', reported } as const
  expect(decider.decide(intent, { status: 'none' })).toEqual([])
  expect(decider.decide(intent, { status: 'removed' })).toEqual([])
  const there = { status: 'there', fields: {} as never } as const
  const facts = decider.decide(intent, there)
  expect(facts).toEqual([{ type: 'DeviceStateChanged', data: reported }])
  expect(decider.decide(intent, facts.reduce(decider.evolve, there))).toEqual([])
})
