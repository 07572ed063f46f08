import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import { expect, onTestFinished, test } from 'vitest'
import { startGateway, type TestGateway, tenantId, userId } from './gateway.fixture.ts'

const ended = expect.objectContaining({ code: 'SESSION_ENDED' })

async function setUp() {
  const node = await startGateway('http://127.0.0.1:1')
  onTestFinished(() => node.stop())
  return { node, device: await node.register() }
}

/** Of each: what the log says of it, and the session if it is still open. */
async function revocationsOf({ parts }: TestGateway): Promise<unknown> {
  const { items } = await parts.store.query({ tenantId, types: ['SessionRevoked'], limit: 9 })
  return items.map(({ data, sessionId = '' }) => [data, parts.sessions.find(sessionId)])
}

test('the session in which a person uses a device is the one opened last that has not ended', async () => {
  const { node, device } = await setUp()
  const { sessions } = node.parts
  const inUse = (person = userId, id = device.id) => sessions.inUse(person, id)?.id
  expect(inUse()).toBeUndefined()
  const [first, second] = [await node.open(device), await node.open(device)]
  await node.open(await node.register())
  expect([inUse(), inUse(newId()), inUse(userId, newId())]).toEqual([
    second.id,
    undefined,
    undefined,
  ])
  await sessions.close(second.id)
  expect(inUse()).toBe(first.id)
  await sessions.close(first.id)
  expect(inUse()).toBeUndefined()
})

test('a session that has lost its right while it opened is revoked, and nobody is let in', async () => {
  const { node, device } = await setUp()
  const { sessions } = node.parts
  const reasons = [
    async () => false,
    () => Promise.reject(new TypeError('nobody knows')),
    () => sessions.revokeWhere(() => true, 'access-changed').then(() => true),
  ]
  for (const isWelcome of reasons)
    await expect(node.open(device, { isWelcome })).rejects.toEqual(ended)
  const data = expect.objectContaining({ reason: 'access-changed' })
  expect(await revocationsOf(node)).toEqual(reasons.map(() => [data, undefined]))
})

test('a session whose agent is unpaired while it opens is revoked', async () => {
  const { node, device } = await setUp()
  const { store, views } = node.parts
  const [agentId, at, { installationId }] = [newId(), new Date().toISOString(), device]
  const context = { actor: { type: 'agent', id: agentId }, at, installationId } as const
  const stream = { tenantId, streamKind: 'agent', streamId: agentId, expected: 'any' } as const
  const enrolled = { name: 'a', hostname: 'a', version: '1', ip: '192.0.2.1', keyThumbprint: 'k' }
  const facts = {
    pair: { type: 'AgentEnrolled', data: enrolled },
    unpair: { type: 'AgentRevoked', data: { reason: 'user' } },
  } as const
  const say = async (what: keyof typeof facts) => {
    const events = [{ ...context, ...facts[what], correlationId: newId() }]
    await views.until((await store.append({ ...stream, events })).position)
    return true
  }
  await say('pair')
  await node.open(device)
  await expect(node.open(device, { isWelcome: () => say('unpair') })).rejects.toEqual(ended)
  const data = expect.objectContaining({ reason: 'agent-unpaired' })
  expect(await revocationsOf(node)).toEqual([[data, undefined]])
})

test('an end that the log refuses at first is in it later, as what it was, and no extension puts it off', async () => {
  const { node, device } = await setUp()
  const { id } = await node.open(device)
  const { sessions, directory } = node.parts
  const file = new DatabaseSync(join(directory, 'events.db'), { timeout: 5_000 })
  file.exec(`create trigger full before insert on event begin select raise(abort, 'full'); end`)
  const refused = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
  await expect(sessions.revokeWhere(() => true, 'access-changed')).rejects.toEqual(refused)
  expect(sessions.find(id)).toBeUndefined()
  file.exec('drop trigger full')
  file.close()
  const context = { actor: { type: 'user', id: newId() }, correlationId: newId() } as const
  const at = new Date().toISOString()
  await sessions.extend({ tenantId, id }, { ttlSeconds: 900, context: { ...context, at } })
  const facts = await node.factsOf(id, 'SessionRevoked')
  expect(facts.at(-1)?.data).toMatchObject({ reason: 'access-changed' })
})
