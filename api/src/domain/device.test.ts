import { expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { device, installation } from './device.ts'

const missing = expect.objectContaining({ code: 'NOT_FOUND' })
const conflict = expect.objectContaining({ code: 'CONFLICT' })
const fields = sampleData.DeviceRegistered

test('a change says the whole of the device, so that a reader needs no history', () => {
  const [registered] = device.decide({ type: 'RegisterDevice', fields }, device.initialState)
  if (!registered) throw new TypeError('nothing was decided')
  const state = device.evolve(device.initialState, registered)
  expect(device.decide({ type: 'ChangeDevice', changes: { name: 'Saída' } }, state)).toEqual([
    { type: 'DeviceChanged', data: { ...fields, name: 'Saída' } },
  ])
  expect(() => device.decide({ type: 'RegisterDevice', fields }, state)).toThrow(conflict)
})

test('what was never registered, or was removed, can neither change nor go again', () => {
  const removed = device.evolve(device.initialState, { type: 'DeviceRemoved', data: {} })
  for (const state of [device.initialState, removed])
    for (const intent of [{ type: 'ChangeDevice', changes: {} }, { type: 'RemoveDevice' }] as const)
      expect(() => device.decide(intent, state)).toThrow(missing)
  expect(() => device.decide({ type: 'RegisterDevice', fields }, removed)).toThrow(conflict)
})

test('credentials that go to an agent are one fact for each agent and each version of them', () => {
  const deliver = (agentId: string, credentialsVersion: number) =>
    ({ type: 'DeliverCredentials', delivered: { agentId, credentialsVersion } }) as const
  let state = device.evolve(device.initialState, { type: 'DeviceRegistered', data: fields })
  const said = (agentId: string, version: number) => {
    const facts = device.decide(deliver(agentId, version), state)
    state = facts.reduce(device.evolve, state)
    return facts.length
  }
  expect([said('a', 1), said('a', 1), said('a', 2), said('b', 2), said('b', 2)]).toEqual([
    1, 0, 1, 1, 0,
  ])
  expect(() => device.decide(deliver('a', 1), device.initialState)).toThrow(missing)
})

test('an installation is made once, changed as a whole and removed once', () => {
  const create = { type: 'CreateInstallation', fields: sampleData.InstallationCreated } as const
  const there = installation
    .decide(create, installation.initialState)
    .reduce(installation.evolve, installation.initialState)
  expect(
    installation.decide({ type: 'ChangeInstallation', changes: { name: 'Filial' } }, there),
  ).toEqual([{ type: 'InstallationChanged', data: { ...create.fields, name: 'Filial' } }])
  const gone = installation
    .decide({ type: 'RemoveInstallation' }, there)
    .reduce(installation.evolve, there)
  expect(() => installation.decide({ type: 'RemoveInstallation' }, gone)).toThrow(missing)
  expect(() => installation.decide(create, gone)).toThrow(conflict)
})
