/** What a bundle of one session says of itself: a server that leaves something out is told by the versions of its stream. */
import type { EventType, Fact } from '@travessia/schemas/events'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test } from 'vitest'
import type { Entry, EvidenceLog, KeptCheckpoint } from '../store/evidence-log.ts'
import { createTestLog } from './bundle.fixture.ts'
import { sampleData } from './sample-data.fixture.ts'
import { checksOf } from './verify.fixture.ts'

const log = await createTestLog(3)
afterAll(() => log.close())

const begun = ['SessionRequested', 'SessionOpened'] as const
const exchange = ['HttpRequestForwarded', 'HttpResponseReceived'] as const
const whole = [...begun, ...exchange, ...exchange, ...exchange, 'SessionClosed'] as const

async function record(types: readonly EventType[]) {
  const sessionId = newId()
  let upTo: KeptCheckpoint = log.checkpoint
  for (const type of types)
    upTo = await log.add({ type, data: sampleData[type] } as Fact, sessionId)
  return { asked: { sessionId }, upTo }
}

/** Gives out only what is not among these versions of a stream. */
function withholding(...versions: number[]): EvidenceLog {
  const { evidence } = log.store
  const isTold = ({ text }: Entry) => !versions.includes(JSON.parse(text).version)
  return new Proxy(evidence, {
    get: (of, name: keyof EvidenceLog) =>
      name === 'readEntries'
        ? async (...asked: Parameters<EvidenceLog['readEntries']>) => {
            const page = await of.readEntries(...asked)
            return { ...page, items: page.items.filter(isTold) }
          }
        : of[name].bind(of),
  })
}

async function checked(types: readonly EventType[], evidence?: EvidenceLog) {
  const order = { ...(await record(types)), ...(evidence ? { evidence } : {}) }
  const found = await checksOf(log).check(await log.bundle('selection', order))
  const said = reportLines(found.report, 5)
  return { ...found, said: said.find((line) => line.startsWith('Completeness')) }
}

test('a session with its end and every version before is complete', async () => {
  const { wrong, missing, said } = await checked(whole)
  expect([wrong, missing]).toEqual([[], []])
  expect(said).toContain('the session is complete, versions 1 to 9 with its end')
})

test.each([
  [[5], 'version 5 of the session is missing'],
  [[1], 'version 1 of the session is missing'],
  [[4, 5, 6], 'versions 4 to 6 of the session are missing'],
])('a server that leaves out %j of a session is told', async (versions, text) => {
  const { wrong, missing, said } = await checked(whole, withholding(...versions))
  expect([wrong, missing]).toEqual([[], [text]])
  expect(said).toBe('Completeness: INCOMPLETE')
})

test('a session without its end is open, and not incomplete', async () => {
  const { wrong, missing, said } = await checked([...begun, ...exchange])
  expect([wrong, missing]).toEqual([[], []])
  expect(said).toContain('the session is open, versions 1 to 4')
  expect((await checked(whole, withholding(9))).said).toContain(
    'the session is open, versions 1 to 8',
  )
})

test('of a session of which nothing is there, and of anything else that was asked for, nothing is said', async () => {
  const none = await checksOf(log).check(
    await log.bundle('selection', { asked: { sessionId: newId() } }),
  )
  expect(none.report.session).toBeUndefined()
  const other = await checksOf(log).check(await log.bundle('selection'))
  expect(other.report.session).toBeUndefined()
})

test('the gaps that a selection holds are counted as those of a whole log', async () => {
  const { wrong, missing, said } = await checked([...begun, 'RecordingGapDetected'])
  expect([wrong, missing]).toEqual([[], []])
  expect(said).toContain('1 recording gap in what is here')
  expect((await checked(whole)).said).toContain('0 recording gaps in what is here')
})
