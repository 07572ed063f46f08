import { join } from 'node:path'
import type { AgentDevice, DeviceList } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { afterEach, expect, test, vi } from 'vitest'
import { readAgentConfig, writeAgentConfig } from './config.ts'
import { agentConfig, deviceAt, serverKey, temporaryDirectory } from './fixtures.ts'
import { OwnConfig } from './own-config.ts'

const key = await serverKey()
const gate = deviceAt('http://10.0.0.5')
const printer = deviceAt('http://10.0.0.6')

afterEach(() => void vi.useRealTimers())

/** With a list of version 5 that holds the gate. */
function ownConfig(policy?: SitePolicy) {
  const path = join(temporaryDirectory(), 'config.json')
  const first = agentConfig({ serverKeys: [key.jwk] })
  const { agentId, tenantId } = first
  const content = (version: number, devices: AgentDevice[], other: Partial<DeviceList> = {}) => ({
    ...{ tenantId, agentId, version, devices },
    ...other,
  })
  const config = { ...first, devices: content(5, [gate]), ...(policy ? { policy } : {}) }
  writeAgentConfig(path, config)
  const own = new OwnConfig(config, path)
  const take = async (version: number, devices: AgentDevice[]) =>
    own.takeDevices(await key.sign(content(version, devices), 'devices'))
  return { own, config, content, take, kept: () => readAgentConfig(path) }
}

test('a newer list takes the place of the one before, in memory and on disk, and nothing else changes', async () => {
  const { own, config, content, take, kept } = ownConfig()
  expect(await take(6, [printer])).toBe(true)
  expect(own.deviceOf(printer.deviceId)).toEqual(printer)
  expect(own.deviceOf(gate.deviceId)).toBeUndefined()
  const expected = { ...config, devices: content(6, [printer]) }
  expect([own.current, kept()]).toEqual([expected, expected])
})

test('a list that is older, or of the same version, changes nothing, whichever is opened first', async () => {
  const { own, config, take, kept } = ownConfig()
  for (const version of [0, 4, 5]) expect(await take(version, [printer])).toBe(false)
  expect([own.current, kept()]).toEqual([config, config])
  await Promise.all([take(8, [gate, printer]), take(7, [])])
  expect(own.current.devices.version).toBe(8)
})

test('a list that another signed, for another agent or customer, or that is none, changes nothing', async () => {
  const { own, config, content, kept } = ownConfig()
  const stranger = await serverKey()
  const list = content(9, [printer])
  const refused = {
    COMMAND_SIGNATURE_INVALID: [
      JSON.stringify(list),
      await stranger.sign(list, 'devices'),
      await key.sign(list, 'command'),
      await key.sign(content(9, [printer], { agentId: newId() }), 'devices'),
      await key.sign(content(9, [printer], { tenantId: newId() }), 'devices'),
    ],
    MESSAGE_INVALID: [
      await key.sign({ ...list, version: '9' }, 'devices'),
      await key.sign(content(9, [{ ...printer, baseUrl: 'file:///etc/shadow' }]), 'devices'),
      await key.sign({ ...list, policy: {} }, 'devices'),
    ],
  }
  for (const [code, texts] of Object.entries(refused))
    for (const jws of texts)
      await expect(own.takeDevices(jws)).rejects.toEqual(expect.objectContaining({ code }))
  expect([own.current, kept()]).toEqual([config, config])
})

test('keys that the server had at the time are what lists are opened with', async () => {
  const { own, content } = ownConfig()
  const fresh = await serverKey()
  const jws = await fresh.sign(content(6, []), 'devices')
  own.change({ serverKeys: [fresh.jwk] })
  expect(await own.takeDevices(jws)).toBe(true)
})

test('what its site keeps from the agent is neither watched nor served, though it is in the list', async () => {
  const { own, take } = ownConfig({ devices: ['10.0.0.5'], methods: ['GET'] })
  await take(6, [gate, printer])
  expect(own.allowedDevices()).toEqual([gate])
  expect(own.deviceOf(printer.deviceId)).toEqual(printer)
  expect(own.forbids(gate, { method: 'GET' })).toBeUndefined()
  expect(own.forbids(gate, { method: 'POST' })).toBe('POLICY_FORBIDS')
  expect(own.forbids(printer, { method: 'GET' })).toBe('POLICY_FORBIDS')
})

test('the hours of a site are those of this host’s clock', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-25T17:59:59Z') })
  const open = [{ days: ['wed' as const], from: '08:00', to: '18:00' }]
  const { own } = ownConfig({ hours: { timeZone: 'UTC', open } })
  expect(own.forbids(gate, { method: 'GET' })).toBeUndefined()
  vi.setSystemTime(Date.parse('2026-11-25T18:00:00Z'))
  expect(own.forbids(gate, { method: 'GET' })).toBe('POLICY_HOURS')
})

test('without a policy the site keeps nothing from the agent', () => {
  const { own } = ownConfig()
  expect(own.allowedDevices()).toEqual([gate])
  expect(own.forbids(gate, { method: 'DELETE' })).toBeUndefined()
})
