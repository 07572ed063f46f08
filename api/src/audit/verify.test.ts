import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkpointText, originOf } from '@travessia/schemas/evidence/checkpoint'
import { fileNames, manifestName } from '@travessia/schemas/evidence/manifest'
import { leafHash } from '@travessia/schemas/evidence/merkle'
import { type NoteKey, noteKeyText, signNote, witnessKey } from '@travessia/schemas/evidence/note'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFile } from './open-file.ts'
import {
  createTestLog,
  type Files,
  newEvidenceKeys,
  newWitness,
  pack,
  unpack,
  type Witness,
} from './test-bundle.ts'
import {
  changed,
  checksOf,
  eventsOf,
  joined,
  type Log,
  linesOf,
  nameOf,
  resigned,
  verify,
} from './verify.fixture.ts'

const size = 41
const examples = join(import.meta.dirname, '../../../examples')
type Evidence = ReturnType<typeof newEvidenceKeys>
type WitnessLine = { note: string; witness: string }
let log: Log
let other: Log
let check: ReturnType<typeof checksOf>['check']
let checkFiles: ReturnType<typeof checksOf>['checkFiles']
/** Of this log whole, and of one device of it. */
let whole: Files
let selection: Files

beforeAll(async () => {
  ;[log, other] = await Promise.all([createTestLog(size), createTestLog(12)])
  ;({ check, checkFiles } = checksOf(log))
  whole = await unpack(log.path, await log.bundle('whole'))
  selection = await unpack(log.path, await log.bundle('selection'))
})
afterAll(async () => {
  await Promise.all([log.close(), other.close()])
})

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
  const time = '2026-11-24T12:00:00.000Z'
  const gap = { cause: 'too-large', from: time, to: time, parts: 1 } as const
  const checkpoint = await gapped.add({ type: 'RecordingGapDetected', data: gap })
  const file = await gapped.bundle('whole', { upTo: checkpoint })
  const { report, wrong, missing } = await checksOf(gapped).check(file)
  expect([wrong, missing]).toEqual([[], []])
  const text = reportLines(report, 5).join('\n')
  expect(text).toContain('every event up to #3, 1 recording gap')
  expect(text).toMatch(/recording gap \(the page is too large\), event [a-z0-9]{26}/)
  await gapped.close()
})

test('a line of the bundle is exactly the text that was hashed, and the checkpoints are one of each hour and the fresh one', async () => {
  const entries = await log.store.evidence.readEntries(
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

test('order, further files and times of the zip say nothing', async () => {
  const turned = Object.fromEntries(Object.entries(whole).reverse())
  expect(await checkFiles({ 'README.txt': 'x', ...turned })).toMatchObject({
    wrong: [],
    missing: [],
  })
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
  expect((await checkFiles(forged, [])).areKeysGiven).toBe(false)
  const half = { ...forged, [fileNames.keys]: whole[fileNames.keys] ?? '' }
  expect((await checkFiles(half, [])).wrong).not.toEqual([])
})

test('a selection shows that its log went on from the checkpoint that first covered it', async () => {
  const [covering = '', ...rest] = linesOf(selection[fileNames.checkpoints])
  const { consistency, ...one } = JSON.parse(covering)
  expect(rest).toHaveLength(1)
  expect(one.note.split('\n')[1]).toBe('38')
  for (const wrong of [[], consistency.slice(1), consistency.toReversed()]) {
    const line = JSON.stringify({ ...one, consistency: wrong })
    const report = await checkFiles(changed(selection, 'checkpoints', [line, ...rest]))
    expect(report.wrong).toContain('the log of 38 events is not the beginning of the last')
  }
})

test('a log that was put back to an older state, or written anew, is found with a bundle from before, or with what an agent kept (THREATS T3)', async () => {
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
    `the proof of event ${nameOf(whole, 19)} does not lead to what was signed`,
  ])
  for (const note of [signed(other.evidenceKeys, [origin, size]), 'x', ''])
    await expect(since(note)).rejects.toThrow('not signed by this key')
  writeFileSync(log.path, await log.bundle('selection'))
  await expect(since(own, log.path)).rejects.toThrow('only a bundle of the whole')
})

const witnessesOf = (files: Files) => linesOf(files[fileNames.witnesses])

test('each agent that has signed is told with how far it confirms, and whether its key is known from elsewhere', async () => {
  const [first, second] = log.witnesses as [Witness, Witness]
  for (const files of [whole, selection]) {
    const own = await checkFiles(files)
    expect(own.witnesses).toEqual([
      { name: second.key.name, size, isKeyGiven: false },
      { name: first.key.name, size: 28, isKeyGiven: false },
    ])
    const known = await checkFiles(files, [...log.keys, first.key])
    expect(known.witnesses.map(({ isKeyGiven }) => isKeyGiven)).toEqual([false, true])
    const text = reportLines(known.report, 5).join('\n')
    expect(text).toContain('2 agents confirm every event up to #27')
    expect(text).toContain(`${first.key.name} up to #27, by the key that you gave`)
  }
  const none = await checkFiles({ ...whole, [fileNames.witnesses]: '' })
  expect(reportLines(none.report, 5).join('\n')).toContain('none: who holds database and key')
})

test('an agent that has signed another log of the same size is a fork, in a bundle of the whole and in a selection', async () => {
  const [witness] = log.witnesses as [Witness]
  const origin = originOf(log.nodeId, log.tenantId)
  const text = checkpointText({ origin, size: 28, root: leafHash('another') })
  // Everybody has signed it: the log with its right key, and the agent.
  const note = log.evidenceKeys.sign(origin, text)
  for (const files of [whole, selection]) {
    const [line = ''] = witnessesOf(files).filter((one) => one.includes(witness.agentId))
    const forked = JSON.stringify({ ...JSON.parse(line), note: note + witness.sign(note) })
    const latin1 = Buffer.from(forked).toString('latin1')
    const report = await checkFiles(changed(files, 'witnesses', [latin1]))
    expect(report.wrong).toContain(`FORK: ${witness.key.name} has signed another log of 28 events`)
    expect(report.witnesses).toEqual([])
  }
})

test('an agent that has confirmed more events than there are is said to miss them', async () => {
  const [witness] = log.witnesses as [Witness]
  const origin = originOf(log.nodeId, log.tenantId)
  const note = log.evidenceKeys.sign(
    origin,
    checkpointText({ origin, size: size + 5, root: leafHash('later') }),
  )
  const line = { note: note + witness.sign(note), witness: noteKeyText(witness.key) }
  const latin1 = Buffer.from(JSON.stringify(line)).toString('latin1')
  const report = await checkFiles(changed(whole, 'witnesses', [latin1]))
  expect(report.missing).toEqual([
    `${witness.key.name} has confirmed ${size + 5} events, here are ${size}`,
  ])
})

test.each([
  [
    'another key beside it',
    (line: WitnessLine) => ({ ...line, witness: noteKeyText(newWitness().key) }),
  ],
  [
    'a key of a log',
    (line: WitnessLine) => ({ ...line, witness: noteKeyText(log.keys[0] as NoteKey) }),
  ],
  [
    'no signature',
    (line: WitnessLine) => ({
      ...line,
      note: line.note.slice(0, line.note.lastIndexOf('— travessia/agent')),
    }),
  ],
  [
    'a checkpoint of another log',
    (line: WitnessLine, witness: Witness) => ({
      ...line,
      note: other.checkpoint.note + witness.sign(other.checkpoint.note),
    }),
  ],
])('a witness with %s has signed nothing', async (_what, change) => {
  const witness = log.witnesses[1] as Witness
  const [line = ''] = witnessesOf(whole)
  const wrong = change(JSON.parse(Buffer.from(line, 'latin1').toString()), witness)
  const latin1 = Buffer.from(JSON.stringify(wrong)).toString('latin1')
  const report = await checkFiles(changed(whole, 'witnesses', [latin1]))
  expect(report.wrong).toContain('witness 1 has not signed what stands here')
  expect(report.witnesses).toEqual([])
})

test('a witness whose name the reader knows with another key has signed nothing', async () => {
  const { name } = (log.witnesses[1] as Witness).key
  const known = witnessKey(name, newWitness().key.publicKey)
  const report = await checkFiles(whole, [...log.keys, known])
  expect(report.wrong).toEqual(['witness 1 has not signed what stands here'])
})

test('of the two examples one is intact; of the other the changed event is named', async () => {
  const example = (name: string) => verify(join(examples, name), {})
  expect(await example('session.zip')).toMatchObject({ wrong: [], missing: [] })
  const { wrong, missing } = await example('session-altered.zip')
  expect(wrong).toEqual([expect.stringMatching(/^event #\d+ [a-z0-9]{26} was altered$/)])
  expect(missing).toEqual([])
})

/** Two keys with three changes: the log's own, a second beside it, the first one retired. */
async function rotatedLog() {
  const rotated = await createTestLog(12)
  const { evidenceKeys, keys: first } = rotated
  evidenceKeys.add()
  await rotated.grow(6)
  evidenceKeys.retire(first[0]?.publicKey ?? new Uint8Array())
  const checkpoint = await rotated.grow(5)
  const origin = originOf(rotated.nodeId, rotated.tenantId)
  const bundle = async (scope: 'whole' | 'selection') =>
    unpack(rotated.path, await rotated.bundle(scope, { upTo: checkpoint }))
  return { rotated, first, second: evidenceKeys.keysOf(origin), origin, bundle }
}

test('a bundle from after a change of keys is checked by who knows only the old one, only the new one, or none', async () => {
  const { rotated, first, second, bundle } = await rotatedLog()
  for (const files of [await bundle('whole'), await bundle('selection')]) {
    for (const keys of [first, second, [...first, ...second], []]) {
      const report = await checkFiles(files, keys)
      expect(report).toMatchObject({ wrong: [], missing: [] })
      const isNews = keys === first
      expect(report.learned).toEqual(isNews ? second.map(noteKeyText) : [])
    }
    const text = reportLines((await checkFiles(files, first)).report, 5).join('\n')
    expect(text).toContain('(vouched for by it)')
  }
  await rotated.close()
})

test('a retired key signs no bundle any more, and a change that no known key has signed leads nowhere', async () => {
  const { rotated, first, second, origin, bundle } = await rotatedLog()
  const files = await bundle('whole')
  const unsigned = expect.stringContaining('is not signed by')
  const [changes, strange] = [linesOf(files[fileNames.keyChanges]), newEvidenceKeys(rotated.nodeId)]
  const latin1 = (note: string) => Buffer.from(JSON.stringify({ note })).toString('latin1')
  for (const list of [changes.slice(0, 1), [], [...changes, latin1(strange.changes()[0] ?? '')]]) {
    const report = await checkFiles(changed(files, 'keyChanges', list), first)
    expect(report.wrong).toEqual([unsigned])
  }
  // Who has stolen the retired key writes the manifest with it.
  const stolen = rotated.stolenKeys
  const manifest = Buffer.from(files[fileNames.manifest] ?? '', 'latin1').toString()
  const text = manifest.slice(0, manifest.lastIndexOf('\n\n') + 1)
  const note = signNote(manifestName(origin), text, stolen)
  const forged = { ...files, [fileNames.manifest]: Buffer.from(note).toString('latin1') }
  for (const keys of [first, second])
    expect((await checkFiles(forged, keys)).wrong).toEqual([unsigned])
  await rotated.close()
})
