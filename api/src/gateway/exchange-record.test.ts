import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Append, EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { AnswerHead } from './answer-head.ts'
import { ExchangeRecord, stageOf } from './exchange-record.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-record-'))
const tenantId = newId()
const head = { method: 'GET', path: '/x?pin=1234', headers: ['Cookie', 'a=b', 'Accept', '*/*'] }
let store: EventStore

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

function owner(recording: 'strict' | 'relaxed' = 'strict') {
  return {
    ...{ tenantId, sessionId: newId(), userId: newId(), installationId: newId() },
    ...{ deviceId: newId(), recording, totals: { requests: 0, bytesIn: 0, bytesOut: 0 } },
  }
}

/** The real store, whose appends wait for `go`. */
function heldStore() {
  const { promise, resolve: go } = Promise.withResolvers<void>()
  const append = async (one: Append) => {
    await promise
    return store.append(one)
  }
  const held = Object.assign(Object.create(store) as EventStore, { append, take: append })
  return { held, go }
}
const deps = (one: EventStore) => ({ store: one, now: Date.now, log: pino({ level: 'silent' }) })

async function isSettled(promise: unknown): Promise<boolean> {
  let isDone = false
  void Promise.resolve(promise).then(() => {
    isDone = true
  })
  for (let i = 0; i < 10; i += 1) await new Promise(setImmediate)
  return isDone
}

test.each([
  ['strict', 'GET', false],
  ['strict', 'POST', false],
  ['relaxed', 'GET', true],
  ['relaxed', 'HEAD', true],
  ['relaxed', 'POST', false],
  ['relaxed', 'DELETE', false],
] as const)(
  '%s recording lets a %s go before its head is durable: %s',
  async (recording, method, goesAhead) => {
    const { held, go } = heldStore()
    const begun = ExchangeRecord.begin(deps(held), owner(recording), { ...head, method })
    expect(await isSettled(begun)).toBe(goesAhead)
    go()
    await begun
  },
)

test('a WebSocket is durable before its 101, also with relaxed recording', async () => {
  const { held, go } = heldStore()
  const begun = ExchangeRecord.open(deps(held), owner('relaxed'), head)
  expect(await isSettled(begun)).toBe(false)
  go()
  await begun
})

test('a store that refuses lets nothing go, relaxed or strict', async () => {
  const refusing = Object.assign(Object.create(store) as EventStore, {
    take: () => {
      throw new TypeError('closed')
    },
  })
  for (const recording of ['strict', 'relaxed'] as const)
    expect(() => ExchangeRecord.begin(deps(refusing), owner(recording), head)).toThrow('closed')
})

test('secrets of the head are masked before they are stored', async () => {
  const one = owner()
  await ExchangeRecord.begin(deps(store), one, head)
  const [fact] = await store.readStream(tenantId, one.sessionId)
  expect(fact).toMatchObject({
    type: 'HttpRequestForwarded',
    data: { path: '/x?pin=[redacted]', headers: ['cookie', '[redacted]', 'accept', '*/*'] },
  })
})

test('an exchange ends once and is counted once, whatever else is said of it', async () => {
  const one = owner()
  const record = await ExchangeRecord.begin(deps(store), one, head)
  record.request.add(Buffer.from('ab'))
  record.response.add(Buffer.from('abc'))
  record.answered()
  record.failed('SESSION_ENDED', 'gateway')
  record.ended(new AnswerHead(200, []))
  record.failed('DEVICE_TIMEOUT', 'device')
  record.closed(1000, { in: 1, out: 1 })
  const next = await ExchangeRecord.begin(deps(store), one, head)
  next.ended(new AnswerHead(204, ['Set-Cookie', 'secret']))
  await expect.poll(async () => (await store.readStream(tenantId, one.sessionId)).length).toBe(4)
  const facts = await store.readStream(tenantId, one.sessionId)
  expect(facts.map(({ type }) => type)).toEqual([
    ...[
      'HttpRequestForwarded',
      'HttpExchangeFailed',
      'HttpRequestForwarded',
      'HttpResponseReceived',
    ],
  ])
  expect(facts[3]?.data).toMatchObject({ status: 204, headers: ['set-cookie', '[redacted]'] })
  expect(one.totals).toEqual({ requests: 2, bytesIn: 2, bytesOut: 3 })
})

test('a call outside of a session has a stream of its own, named by the request', async () => {
  const one = { ...owner(), sessionId: undefined }
  const record = await ExchangeRecord.begin(deps(store), one, head)
  const [fact] = await store.readStream(tenantId, record.requestId)
  expect(fact).toMatchObject({ correlationId: record.requestId, streamKind: 'session' })
  expect(fact?.sessionId).toBeUndefined()
})

test('a failure is told at whose end it was', () => {
  expect(stageOf('DEVICE_TIMEOUT')).toBe('device')
  expect(stageOf('AGENT_OFFLINE')).toBe('agent')
  expect(stageOf('TUNNEL_LOST')).toBe('agent')
  for (const code of ['TARGET_FORBIDDEN', 'SESSION_READ_ONLY', 'GRANT_REFUSED'] as const)
    expect(stageOf(code)).toBe('agent')
  expect(stageOf('STORE_UNAVAILABLE')).toBe('gateway')
})
