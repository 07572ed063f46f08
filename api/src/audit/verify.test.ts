import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkpointText, originOf } from '@travessia/schemas/evidence/checkpoint'
import { fileNames } from '@travessia/schemas/evidence/manifest'
import { leafHash } from '@travessia/schemas/evidence/merkle'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { afterAll, expect, test, vi } from 'vitest'
import { createTestLog, type newEvidenceKeys, pack } from './bundle.fixture.ts'
import { openFile } from './open-file.ts'
import { sampleData } from './sample-data.fixture.ts'
import {
  bundledLogs,
  changed,
  checksOf,
  eventsOf,
  joined,
  linesOf,
  nameOf,
  resigned,
  verify,
} from './verify.fixture.ts'

const size = 41
const examples = join(import.meta.dirname, '../../../examples')
type Evidence = ReturnType<typeof newEvidenceKeys>
const logs = await bundledLogs(size)
const { log, other, check, checkFiles, whole, selection } = logs
afterAll(logs.close)

test('a bundle of the whole log is intact and complete, and says whose word that is', async () => {
  const report = await check(await log.bundle('whole'))
  expect(report).toMatchObject({ wrong: [], missing: [], events: size, areKeysGiven: true })
  const own = await check(await log.bundle('whole'), [])
  expect(own.report).toEqual({ ...report.report, areKeysGiven: false })
  const text = reportLines(own.report, 5).join('\n')
  expect(text).toContain('Integrity: intact')
  expect(text).toContain(`every event up to #${size - 1}, 0 recording gaps`)
  expect(text).toContain('Signed by the key in the bundle itself')
})

test('a gap in a recording leaves both verdicts as they are, and is counted and said with its cause', async () => {
  const gapped = await createTestLog(3)
  const { HttpResponseReceived: answer, ...samples } = sampleData
  const body = { ...answer.responseBody, leftOut: 'full' } as const
  await gapped.add({ type: 'RecordingGapDetected', data: samples.RecordingGapDetected })
  // That a body with a secret has no digest is no gap.
  const requestBody = { bytes: 3, digestLeftOut: 'secret' } as const
  const data = { ...answer, requestBody, responseBody: body }
  await gapped.add({ type: 'HttpResponseReceived', data })
  const crash = { ...samples.HttpExchangeFailed, stage: 'crash' } as const
  const checkpoint = await gapped.add({ type: 'HttpExchangeFailed', data: crash })
  const file = await gapped.bundle('whole', { upTo: checkpoint })
  const { report, wrong, missing } = await checksOf(gapped).check(file)
  expect([wrong, missing]).toEqual([[], []])
  const text = reportLines(report, 5).join('\n')
  expect(text).toContain('every event up to #5, 3 recording gaps')
  for (const cause of ['the page is too large', 'there is no more room', 'the server stopped'])
    expect(text).toMatch(new RegExp(`recording gap \\(${cause}.*\\), event [a-z0-9]{26}`))
  await gapped.close()
})

test('a line of the bundle is exactly the text that was hashed, and the checkpoints are those that were kept and the fresh one', async () => {
  const { items: entries } = await log.store.evidence.readEntries(
    { tenantId: log.tenantId },
    { after: 0, limit: 100 },
  )
  expect(Buffer.from(whole[fileNames.events] ?? '', 'latin1').toString()).toBe(
    joined(entries.map(({ text }) => text)),
  )
  const checkpoints = linesOf(whole[fileNames.checkpoints]).map((line) => JSON.parse(line).note)
  expect(checkpoints.map((note) => Number(note.split('\n')[1]))).toEqual([8, 18, 28, 38, 41])
})

test('a selection is intact, each event proven alone, and completeness is said to be the word of the server', async () => {
  const report = await checkFiles(selection)
  expect(report).toMatchObject({ wrong: [], missing: [], events: 10 })
  expect(reportLines(report.report, 5).join('\n')).toContain('is the word of the server')
})

const rare = ['RecordingGapDetected'] as const

/** The last of a log's events; each look at the log is at three of them. */
async function logWithRare() {
  const one = await createTestLog(20)
  const [from, to] = ['2026-11-24T12:00:00.000Z', '2026-11-24T12:00:01.000Z']
  const gap = { cause: 'too-large', from, to, parts: 1 } as const
  const upTo = await one.add({ type: rare[0], data: gap })
  const { evidence } = one.store
  const [entries, leaves] = [evidence.readEntries, evidence.readLeaves]
  const looks = {
    entries: vi.spyOn(evidence, 'readEntries'),
    leaves: vi.spyOn(evidence, 'readLeaves'),
  }
  looks.entries.mockImplementation((filter, page) => entries.call(evidence, filter, page, 3))
  looks.leaves.mockImplementation((id, { after }) => leaves.call(evidence, id, { after, limit: 3 }))
  return { ...one, more: { upTo, types: rare }, looks }
}

test('what is rare is found for a bundle by as many looks at the log as it takes', async () => {
  const one = await logWithRare()
  const report = await checksOf(one).check(await one.bundle('selection', one.more))
  expect(report).toMatchObject({ wrong: [], missing: [], events: 1 })
  await one.close()
})

test.each(['entries', 'leaves'] as const)(
  'whoever goes away ends the looks at the %s for a bundle, though nothing is found there',
  async (what) => {
    const [one, leaving] = [await logWithRare(), new AbortController()]
    const look = one.looks[what].getMockImplementation() as (...asked: unknown[]) => Promise<never>
    one.looks[what].mockImplementation((...asked) => {
      leaving.abort()
      return look(...asked)
    })
    const written = one.bundle('selection', { ...one.more, signal: leaving.signal })
    await expect(written).rejects.toThrow('abort')
    expect(one.looks[what]).toHaveBeenCalledTimes(1)
    await one.close()
  },
)

test('order and times of the zip say nothing', async () => {
  const turned = Object.fromEntries(Object.entries(whole).reverse())
  expect(await checkFiles(turned)).toMatchObject({ wrong: [], missing: [] })
})

test.each([
  ...['resumo.html', './events.jsonl', 'x/../events.jsonl', 'EVENTS.JSONL', 'x\\..\\events.jsonl'],
  ...['blobs/', `blobs/${'c'.repeat(64)}`, './blobs/x', '/events.jsonl', 'events.jsonl '],
])('a file beside what was signed is named, whatever its name unpacks to: %s', async (name) => {
  for (const files of [whole, selection])
    expect((await checkFiles({ ...files, [name]: files[fileNames.events] ?? '' })).wrong).toEqual([
      `${name} is there and nothing names it`,
    ])
})

test('integrity and completeness are apart: a missing event leaves the others intact', async () => {
  const report = await checkFiles(changed(whole, 'events', eventsOf(whole).toSpliced(7, 1)))
  expect(report.wrong).toEqual([])
  expect(report.missing).toEqual([`event ${nameOf(whole, 7)} is missing`])
  const both = eventsOf(whole).toSpliced(7, 1).with(20, '{"id":"x"}')
  const two = await checkFiles(changed(whole, 'events', both))
  expect(two.wrong[0]).toBe(`event ${nameOf(whole, 21)} was altered`)
  expect(two.missing[0]).toBe(`event ${nameOf(whole, 7)} is missing`)
})

test.each([
  ['no zip', async () => Buffer.from('x')],
  ['without a manifest', () => pack({ [fileNames.keys]: whole[fileNames.keys] ?? '' })],
  ['empty', () => pack({})],
])('what is %s is no bundle', async (_what, bytes) => {
  await expect(check(await bytes())).rejects.toThrow(RangeError)
})

test('everything signed anew by another key is found by who has the key, and said to be the bundle’s own word otherwise', async () => {
  const forged = resigned(log, whole)
  const report = await checkFiles(forged)
  expect(report.wrong[0]).toContain('is not signed by')
  const said = reportLines(report.report, 5).join('\n')
  expect(said).toContain('The key that you gave has not signed it:')
  expect(said).not.toContain('Signed by')
  expect((await checkFiles(forged, [])).areKeysGiven).toBe(false)
  const half = { ...forged, [fileNames.keys]: whole[fileNames.keys] ?? '' }
  expect((await checkFiles(half, [])).wrong).not.toEqual([])
})

test('a selection shows that its log went on from the checkpoint that first covered it', async () => {
  const [covering = '', ...rest] = linesOf(selection[fileNames.checkpoints])
  const { consistency, ...one } = JSON.parse(covering)
  expect(rest).toHaveLength(1)
  expect(one.note.split('\n')[1]).toBe('38')
  const checked = async (change: object) => {
    const line = JSON.stringify({ ...one, consistency, ...change })
    return (await checkFiles(changed(selection, 'checkpoints', [line, ...rest]))).wrong
  }
  for (const wrong of [[], consistency.slice(1), consistency.toReversed()])
    expect(await checked({ consistency: wrong })).toContain(
      'nothing shows that the log of 38 events is the beginning of the last',
    )
  const origin = originOf(log.nodeId, log.tenantId)
  const text = checkpointText({ origin, size: 38, root: leafHash('another') })
  const note = Buffer.from(log.evidenceKeys.sign(origin, text)).toString('latin1')
  expect(await checked({ note })).toContain('the log of 38 events is not the beginning of the last')
})

test('a log that was put back to an older state, or written anew, is found with a bundle from before, or with what an agent kept', async () => {
  const older = join(log.directory, 'older.zip')
  const kept = join(log.directory, 'kept.txt')
  writeFileSync(older, await log.bundle('whole'))
  const since = async (note: string | Buffer, bundle = older) => {
    writeFileSync(kept, note)
    const file = await openFile(kept)
    return verify(bundle, { keys: log.keys, since: file }).finally(() => file.close())
  }
  const { root } = log.checkpoint
  const signed = (of: Evidence, [name, length]: [string, number]) =>
    of.sign(name, checkpointText({ origin: name, size: length, root }))
  const origin = originOf(log.nodeId, log.tenantId)
  expect(await since(readFileSync(older))).toMatchObject({ wrong: [], missing: [] })
  const own = signed(log.evidenceKeys, [origin, size])
  const [witness] = log.witnesses
  expect(await since(own + witness?.sign(own))).toMatchObject({ wrong: [], missing: [] })
  expect((await since(signed(log.evidenceKeys, [origin, size + 1]))).missing).toEqual([
    `the log had ${size + 1} events before, now ${size}`,
  ])
  expect((await since(signed(log.evidenceKeys, [origin, 20]))).wrong).toEqual([
    'an event between #0 and #19 is no longer what was signed before',
  ])
  for (const note of [signed(other.evidenceKeys, [origin, size]), 'x', ''])
    await expect(since(note)).rejects.toThrow('not signed by this key')
  writeFileSync(log.path, await log.bundle('selection'))
  await expect(since(own, log.path)).rejects.toThrow('only a bundle of the whole')
})

test('of the two examples one is intact; of the other the changed event is named', async () => {
  const example = (name: string) => verify(join(examples, name), {})
  expect(await example('session.zip')).toMatchObject({ wrong: [], missing: [] })
  const { wrong, missing } = await example('session-altered.zip')
  expect(wrong).toEqual([expect.stringMatching(/^event #\d+ [a-z0-9]{26} was altered$/)])
  expect(missing).toEqual([])
})
