/** What the verifier makes of events whose texts are gone, as a fact of the log says: only what is true of that fact and around it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { EventType, StreamKind } from '@travessia/schemas/events'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import type { Language } from '@travessia/schemas/evidence/findings'
import { reportParts } from '@travessia/schemas/evidence/verify-report'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { append, event } from '../store/conformance-events.ts'
import type { NewEvent } from '../store/event-store.ts'
import type { EvidenceLog } from '../store/evidence-log.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { newEvidenceKeys } from './bundle.fixture.ts'
import { bundle } from './bundle.ts'
import { Checkpointer } from './checkpointer.ts'
import { sampleData } from './sample-data.fixture.ts'
import { checksOf, type Log } from './verify.fixture.ts'
import { zip } from './zip.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-expired-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const path = join(directory, 'bundle.zip')
const log = pino({ level: 'silent' })
const nodeId = newId()
const evidenceKeys = newEvidenceKeys(nodeId)
let files = 0
/** Of the bundle checked last, beside what is missing; in English and in Portuguese. */
let notes: Array<readonly string[]> = []

const [until, untilToday] = ['2025-02-01T00:00:00.000Z', new Date().toISOString()]
type Given = { kind: StreamKind; streamId?: string; type: EventType; data: object; at?: string }
const signedOut = (at = '2025-01-10T10:00:00.000Z'): Given => ({
  ...{ kind: 'access', type: 'UserSignedOut', data: { userId: newId() }, at },
})
const of = (type: EventType, data: object): Given => ({ kind: 'retention', type, data })
const thirty = of('RetentionChanged', { days: 30 })
const hold = { holdId: newId(), scope: 'all', reason: 'x' }
const applied = (spans: number[][], change: object = {}) => {
  const events = spans.reduce((sum, [first = 0, last = 0]) => sum + last - first + 1, 0)
  const said = spans.map(([first = 0, last = 0]) => [first, last, first + 1, last + 1])
  return of('RetentionApplied', { days: 30, until, events, spans: said, ...change })
}

/** As if they had gone. */
function without(evidence: EvidenceLog, gone: readonly number[]): EvidenceLog {
  const isGone = ({ logIndex }: { logIndex: number }) => gone.includes(logIndex)
  const told: Partial<EvidenceLog> = {
    readEntries: async (...asked) => {
      const page = await evidence.readEntries(...asked)
      return { ...page, items: page.items.filter((one) => !isGone(one)) }
    },
    readExpired: async (...asked) => (await evidence.readLeaves(...asked)).filter(isGone),
  }
  return new Proxy(evidence, {
    get: (whole, name: keyof EvidenceLog) => told[name] ?? whole[name].bind(whole),
  })
}

async function checked(
  given: readonly Given[],
  gone: readonly number[],
  signedAt = '2100-01-01T00:00:00Z',
) {
  files += 1
  const store = await createSqliteStore(join(directory, `${files}.db`))
  const tenantId = newId()
  for (const { kind: streamKind, streamId = newId(), at = until, ...fact } of given) {
    const one = { ...event({ at }), ...fact } as NewEvent
    await store.append(append({ tenantId, streamKind, streamId, events: [one] }))
  }
  const now = () => Date.parse(signedAt)
  const deps = {
    store,
    evidenceKeys,
    database: openSecretsDatabase(':memory:'),
    nodeId,
    now,
    log,
    blobs: { get: async () => undefined },
  }
  const checkpoint = await new Checkpointer(deps).fresh(tenantId)
  const { signal } = new AbortController()
  const order = { filter: { tenantId }, asked: {}, scope: 'whole', checkpoint, signal } as const
  const told = { ...deps, store: { evidence: without(store.evidence, gone) } }
  const bytes = await buffer(zip(bundle(told, order)))
  await store.close()
  const keys = evidenceKeys.keysOf(originOf(nodeId, tenantId))
  const { report, ...found } = await checksOf({ path, keys } as unknown as Log).check(bytes)
  const { wrong, missing, expired } = found
  const said = { wrong, missing, expired }
  notes = ['en', 'pt-BR'].map((language) => reportParts(report, language as Language, 9).missing)
  return said
}

const honest = { wrong: [], missing: [] }
const missing = (place: number) => `event #${place} is missing, and no true retention says so`

test.each([
  ['each event by itself', [signedOut(), signedOut(), thirty, applied([[1, 1]])], [1]],
  [
    'in several rows',
    [
      signedOut(),
      thirty,
      signedOut(),
      applied([
        [0, 0],
        [2, 2],
      ]),
    ],
    [0, 2],
  ],
  [
    'by two facts',
    [signedOut(), signedOut(), thirty, applied([[0, 0]]), applied([[1, 1]])],
    [0, 1],
  ],
  [
    'after a hold on everything was lifted',
    [
      ...[signedOut(), thirty, of('LegalHoldPlaced', hold)],
      ...[of('LegalHoldLifted', { holdId: hold.holdId }), applied([[0, 0]])],
    ],
    [0],
  ],
  [
    'beside a hold on something else',
    [
      signedOut(),
      thirty,
      of('LegalHoldPlaced', { ...hold, scope: 'user', id: newId() }),
      applied([[0, 0]]),
    ],
    [0],
  ],
  [
    'told late, by less than a day',
    [signedOut('2025-02-01T23:59:59.999Z'), signedOut(), thirty, applied([[1, 1]])],
    [1],
  ],
] as const)('what a retention has taken as it says is no fault: %s', async (_how, given, gone) => {
  expect(await checked(given, gone)).toEqual({ ...honest, expired: gone.length })
})

const noRetention = 'no retention of so many days was in force'
const early = 'so many days had not passed'
const other = 'it names another number of events'

test.each([
  [noRetention, [signedOut(), applied([[0, 0]])]],
  [noRetention, [signedOut(), applied([[0, 0]]), thirty]],
  [noRetention, [signedOut(), thirty, applied([[0, 0]], { days: 31 })]],
  [noRetention, [signedOut(), thirty, of('RetentionChanged', { days: null }), applied([[0, 0]])]],
  [
    noRetention,
    [signedOut(), of('RetentionChanged', { days: 29 }), applied([[0, 0]], { days: 29 })],
  ],
  [
    'a legal hold kept everything',
    [signedOut(), thirty, of('LegalHoldPlaced', hold), applied([[0, 0]])],
  ],
  [early, [signedOut(), thirty, applied([[0, 0]], { until: untilToday })]],
  [other, [signedOut(), thirty, applied([[0, 0]], { events: 2 })]],
  ['it names what did not come before it', [signedOut(), thirty, applied([[0, 2]])]],
  ['it names what did not come before it', [signedOut(), thirty, applied([[0, 1_000_000]])]],
] as const)('what only an untrue retention names is missing: %s', async (why, given) => {
  const found = await checked(given, [0])
  expect(found.wrong).toEqual([
    expect.stringMatching(`^event #\\d \\w{26} is no true retention: ${why}$`),
  ])
  expect(found.missing).toEqual([missing(0)])
})

test('an event that was logged after its retention is missing', async () => {
  const { wrong, missing: gone } = await checked(
    [signedOut(), thirty, applied([[0, 3]]), signedOut()],
    [3],
  )
  expect(wrong).toEqual([expect.stringContaining('#2')])
  expect(gone).toEqual([missing(3)])
})

test('what stands after an event of a day after the border is younger than the border', async () => {
  const given = [signedOut('2025-02-02T00:00:00.000Z'), signedOut(), thirty, applied([[1, 1]])]
  const { wrong, missing: gone } = await checked(given, [1])
  expect(wrong).toEqual([expect.stringContaining('it names what is younger than it says')])
  expect(gone).toEqual([missing(1)])
})

test('a retention was early when the log or its bundle is signed before its days have passed; a day is forgiven', async () => {
  const given = [signedOut(), thirty, applied([[0, 0]])]
  expect((await checked(given, [0], '2025-03-02T00:00:00Z')).wrong).toEqual([])
  expect((await checked(given, [0], '2025-03-01T23:59:59Z')).wrong).toEqual([
    expect.stringContaining(early),
  ])
})

const streamId = newId()
const inStream = (kind: StreamKind, type: keyof typeof sampleData): Given => ({
  ...{ kind, streamId, type, data: sampleData[type], at: '2025-01-10T10:00:00.000Z' },
})
const device = inStream('device', 'DeviceRemoved')
const agent = inStream('agent', 'AgentRevoked')
const session = inStream('session', 'SessionOpened')
const access = inStream('access', 'UserSignedOut')

test.each([
  ['the first of what makes the state of today', [device, device], 0],
  ['one between', [agent, agent, agent], 1],
  ['one of a session of which older ones are there', [session, session, session], 1],
])('%s is expired by no retention', async (_what, stream, gone) => {
  const given = [...stream, thirty, applied([[gone, gone]])]
  expect(await checked(given, [gone])).toMatchObject({
    wrong: [
      expect.stringMatching(`before event #${gone + 1} \\w+ another one of its stream is missing`),
    ],
    missing: [],
  })
})

test.each([
  ['single events of access', [access, access, access], 1],
  ['a session that goes on', [session, session], 0],
])('%s may', async (_what, stream, gone) => {
  expect(await checked([...stream, thirty, applied([[gone, gone]])], [gone])).toMatchObject(honest)
})

const [dayOf, lateDay] = ['2025-02-01T23:00:00.000Z', '2025-02-03T10:00:00.000Z']
const at = (given: Given, time: string) => ({ ...given, at: time })

test.each([
  ['between', [signedOut(), signedOut(), signedOut(), at(thirty, lateDay)], [1, 2], '#0 and #3', 2],
  ['before', [signedOut(), signedOut(), at(thirty, lateDay)], [0, 1], '#2', 2],
] as const)(
  'that no event which stands confirms their age is said, and is no fault: %s',
  async (where, given, gone, places, count) => {
    const span = [gone[0], gone.at(-1)] as number[]
    expect(await checked([...given, applied([span])], gone)).toEqual({ ...honest, expired: count })
    const last = places.slice(-2)
    expect(notes).toEqual([
      [
        `nothing ${where} ${places} confirms that the ${count} events that expired there are of before 2025-02-01; ${last} is of 2025-02-03`,
      ],
      [expect.stringContaining(`os ${count} eventos que expiraram ali são de antes de 2025-02-01`)],
    ])
  },
)

test.each([
  ['one of the same day', [signedOut(), signedOut(dayOf), at(thirty, lateDay)], [0]],
  ['one that is older', [signedOut(), signedOut(), at(thirty, lateDay)], [0]],
] as const)('%s confirms it, and nothing is said', async (_what, given, gone) => {
  expect(await checked([...given, applied([[0, 0]])], gone)).toEqual({ ...honest, expired: 1 })
  expect(notes).toEqual([[], []])
})
