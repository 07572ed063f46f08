import type { Grant } from '@travessia/schemas/grant'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { DeviceAccess, type DeviceUse } from './device-access.ts'

/** Its parts that lead to an agent; what is signed, and what each client was given. */
function access({ isReady = true, standing = {} } = {}) {
  const signed: Grant[] = []
  const given: string[] = []
  const agent = { tenantId: newId(), agentId: newId() }
  const parts = {
    views: { agents: { current: () => agent } },
    presence: { of: () => ({ isOnline: true, ...standing }) },
    tunnel: {
      isReady: () => isReady,
      clientFor: (_agent: object, { grant }: { grant: string }) => given.push(grant),
    },
    tokens: { signGrant: async (grant: Grant) => `jws-${signed.push(grant)}` },
  }
  const deps = parts as unknown as ConstructorParameters<typeof DeviceAccess>[0]
  const base = { baseUrl: 'http://192.168.1.50', viaAgent: true }
  const device = { id: newId(), tenantId: agent.tenantId, ...base } as DeviceRow
  return { access: new DeviceAccess(deps), signed, given, agent, device }
}

test('what a session may do is signed once, for its agent and device, until something of it changes', async () => {
  const { access: way, signed, given, agent, device } = access()
  const use = { id: newId(), access: 'readonly' as const, expiresAt: 1_000 }
  await way.clientOf(device, use)
  await way.clientOf(device, use)
  const first = {
    ...{ ...agent, deviceId: device.id, sessionId: use.id, access: 'readonly' },
    ...{ signIn: false, expiresAt: 1_000 },
  }
  expect(signed).toEqual([first])
  // Extended; and the agent signs in from now on.
  use.expiresAt = 2_000
  await way.clientOf(device, use)
  await way.clientOf(device, use, true)
  expect(signed.slice(1)).toEqual([
    { ...first, expiresAt: 2_000 },
    { ...first, expiresAt: 2_000, signIn: true },
  ])
  // Another agent is there.
  agent.agentId = newId()
  await way.clientOf(device, use, true)
  expect(signed.slice(3)).toEqual([
    { ...first, agentId: agent.agentId, expiresAt: 2_000, signIn: true },
  ])
  expect(new Set(given)).toEqual(new Set(['jws-1', 'jws-2', 'jws-3', 'jws-4']))
})

test('two sessions have each its own, and a call by API names none', async () => {
  const { access: way, signed, device } = access()
  const uses: DeviceUse[] = [
    { id: newId(), access: 'full', expiresAt: 1 },
    { id: newId(), access: 'readonly', expiresAt: 1 },
    { access: 'full', expiresAt: 1 },
  ]
  for (const use of uses) await way.clientOf(device, use)
  expect(signed.map(({ sessionId, access: may }) => [sessionId, may])).toEqual(
    uses.map(({ id, access: may }) => [id, may]),
  )
  expect(signed[2]).not.toHaveProperty('sessionId')
})

test.each([
  ['is away', 'AGENT_OFFLINE', { isOnline: false }],
  ['is paused', 'AGENT_PAUSED', { heartbeat: { pausedUntil: '2026-11-24T12:00:00.000Z' } }],
])('nothing is begun at an agent that %s', async (_what, code, standing) => {
  const { access: way, device } = access({ standing })
  await expect(way.ready(device)).rejects.toMatchObject({ code })
})

test('nothing is signed for an agent whose tunnel does not stand', () => {
  const { access: way, device, signed } = access({ isReady: false })
  const ask = () => way.clientOf(device, { access: 'full', expiresAt: 1 })
  expect(ask).toThrow(expect.objectContaining({ code: 'AGENT_OFFLINE' }))
  expect(signed).toEqual([])
})
