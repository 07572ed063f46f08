import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { Append } from '../store/event-store.ts'
import { recordUnlessDamaged, unlessDamaged } from './damaged-log.ts'
import { sampleData } from './sample-data.fixture.ts'

const [tenantId, userId] = [newId(), newId()]
const damaged = () =>
  Promise.reject(new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' }))

function ownLog() {
  const lines: unknown[] = []
  return { lines, log: { warn: (line: unknown) => void lines.push(line) } }
}

test('what a damaged log does not take is said in the node’s own, without what is about a person', async () => {
  const { lines, log } = ownLog()
  const signedIn = { userId, clientIp: '203.0.113.77' }
  const { HttpRequestForwarded: asked } = sampleData
  const headers = ['user-agent', 'CanaryBrowser/7']
  const context = {
    ...{ actor: { type: 'user', id: userId }, at: new Date().toISOString() },
    correlationId: newId(),
  } as const
  await recordUnlessDamaged({ store: { append: damaged }, log }, {
    ...{ tenantId, streamKind: 'access', streamId: userId, expected: 'any' },
    events: [
      { ...context, type: 'UserSignedIn', data: signedIn },
      { ...context, type: 'HttpRequestForwarded', data: { ...asked, headers } },
    ],
  } as Append)
  const { headers: _, ...told } = asked
  expect(lines).toEqual([
    { tenantId, userId, type: 'UserSignedIn', data: { userId } },
    { tenantId, userId, type: 'HttpRequestForwarded', data: told },
  ])
})

test('only the damage of a log is left at that, and said', async () => {
  const { lines, log } = ownLog()
  await unlessDamaged(log, { tenantId, userId }, damaged)
  expect(lines).toEqual([{ tenantId, userId }])
  for (const error of [new TravessiaError('STORE_UNAVAILABLE'), new TypeError('wrong')])
    await expect(unlessDamaged(log, { tenantId }, () => Promise.reject(error))).rejects.toBe(error)
})
