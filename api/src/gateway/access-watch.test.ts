import type { Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { Services } from '../services.ts'
import { watchAccess } from './access-watch.ts'
import { startGateway, tenantId, userId } from './gateway.fixture.ts'

type Access = Fact<'RoleGranted' | 'RoleRevoked' | 'AccessSuspended'>

async function setUp() {
  const node = await startGateway('http://127.0.0.1:1')
  onTestFinished(() => node.stop())
  const { store, views, sessions } = node.parts
  watchAccess({ views, sessions, log: pino({ level: 'silent' }) } as unknown as Services)
  const device = await node.register()
  const say = async ({ type, data }: Access) => {
    const context = { actor: { type: 'user', id: newId() }, correlationId: newId() } as const
    const events = [{ ...context, at: new Date().toISOString(), type, data } as Access & never]
    const stream = { tenantId, streamKind: 'access', streamId: data.userId } as const
    await views.until((await store.append({ ...stream, expected: 'any', events })).position)
  }
  return { node, device, say }
}

test.each<[string, (userId: string) => Access]>([
  ['has no role any more', (userId) => ({ type: 'RoleRevoked', data: { userId } })],
  ['is suspended', (userId) => ({ type: 'AccessSuspended', data: { userId } })],
  ['may only look', (userId) => ({ type: 'RoleGranted', data: { userId, role: 'auditor' } })],
  [
    'may act elsewhere only',
    (userId) => ({
      type: 'RoleGranted',
      data: { userId, role: 'operator', installationIds: [newId()] },
    }),
  ],
])('the open sessions of whoever %s end, and nobody else’s', async (_, loss) => {
  const { node, device, say } = await setUp()
  const { sessions } = node.parts
  const other = newId()
  for (const person of [userId, other])
    await say({ type: 'RoleGranted', data: { userId: person, role: 'operator' } })
  const [mine, theirs] = [await node.open(device), await node.open(device, { userId: other })]
  const installationIds = [device.installationId]
  await say({ type: 'RoleGranted', data: { userId: other, role: 'manager', installationIds } })
  await say(loss(userId))
  const revoked = await node.factsOf(mine.id, 'SessionRevoked')
  expect(revoked.at(-1)?.data).toMatchObject({ reason: 'access-changed' })
  expect([mine.id, theirs.id].map((id) => sessions.find(id)?.userId)).toEqual([undefined, other])
})
