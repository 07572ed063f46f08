import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { Append } from '../store/event-store.ts'
import { Readings } from './readings.ts'

const tenantId = newId()
const by = (id: string) => ({
  ...({ actor: { type: 'user', id }, at: '2026-11-24T12:00:00Z', correlationId: newId() } as const),
})
const all = { list: 'events', filter: {} } as const

function readings(now: () => number) {
  const written: Append[] = []
  const lines: unknown[] = []
  const log = { warn: (line: unknown) => lines.push(line) }
  const store = {
    append: async (append: Append) => {
      written.push(append)
      return { position: written.length, version: 1 }
    },
  }
  return { readings: new Readings({ store, now, log }), written, store, lines }
}

test('reading the audit is one fact in five minutes for each reader and question', async () => {
  let now = 1_000_000
  const { readings: some, written } = readings(() => now)
  const [ana, rui] = [newId(), newId()]
  const ask = (who: string, filter = {}) => some.record(tenantId, by(who), { ...all, filter })
  for (const who of [ana, ana, rui, ana]) await ask(who)
  await ask(ana, { deviceId: rui })
  expect(written.map(({ events }) => events[0]?.data)).toEqual([
    ...[all, all, { ...all, filter: { deviceId: rui } }],
  ])
  now += 5 * 60_000
  await ask(ana)
  expect(written).toHaveLength(4)
})

test('while the log cannot be written nothing of it is read, and nothing is taken for recorded', async () => {
  const { readings: some, written, store } = readings(() => 1_000_000)
  const { append } = store
  store.append = () => Promise.reject(new Error('full'))
  await expect(some.record(tenantId, by(newId()), all)).rejects.toThrow('full')
  store.append = append
  await some.record(tenantId, by(newId()), all)
  expect(written).toHaveLength(1)
})

test('what is remembered is bounded: the oldest question is said again', async () => {
  const { readings: some, written } = readings(() => 1_000_000)
  const who = newId()
  const ask = (type: number) => some.record(tenantId, by(who), { ...all, filter: { type } })
  for (let type = 0; type <= 10_000; type += 1) await ask(type)
  await ask(10_000)
  expect(written).toHaveLength(10_001)
  await ask(0)
  expect(written).toHaveLength(10_002)
})

test('of a damaged log, into which nothing is written, the reading is said in the node’s own', async () => {
  const { readings: some, written, store, lines } = readings(() => 1_000_000)
  const who = newId()
  store.append = () =>
    Promise.reject(new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' }))
  await some.record(tenantId, by(who), all)
  expect(written).toHaveLength(0)
  expect(lines).toEqual([{ tenantId, userId: who, type: 'AuditQueried', data: all }])
})
