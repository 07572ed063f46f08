/** For tests of the verifier: the files of a bundle line by line, changed, packed and verified again. */
import { writeFileSync } from 'node:fs'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { fileNames, manifestName } from '@travessia/schemas/evidence/manifest'
import type { NoteKey } from '@travessia/schemas/evidence/note'
import { type Knowledge, type Report, verifyBundle } from '@travessia/schemas/evidence/verify'
import { createTestLog, type Files, newEvidenceKeys, pack, unpack } from './bundle.fixture.ts'
import { openFile } from './open-file.ts'

export type Log = Awaited<ReturnType<typeof createTestLog>>

/** With its sentences in English. */
export async function verify(path: string, knowledge: Knowledge) {
  const file = await openFile(path)
  try {
    const report = await verifyBundle(file, knowledge)
    const english = (texts: Report['wrong']) => texts.map(([, en]) => en)
    return { ...report, wrong: english(report.wrong), missing: english(report.missing), report }
  } finally {
    await file.close()
  }
}

/** For bundles in place of this log's own. */
export function checksOf(log: Log) {
  const check = async (bytes: Buffer, keys: readonly NoteKey[] = log.keys) => {
    writeFileSync(log.path, bytes)
    return verify(log.path, { keys })
  }
  const checkFiles = async (files: Files, keys: readonly NoteKey[] = log.keys) =>
    check(await pack(files), keys)
  return { check, checkFiles }
}

/** A log, another one, and what stands in bundles of the first: of it whole, and of one of its devices. */
export async function bundledLogs(size: number) {
  const [log, other] = await Promise.all([createTestLog(size), createTestLog(12)])
  const whole = await unpack(log.path, await log.bundle('whole'))
  const selection = await unpack(log.path, await log.bundle('selection'))
  const close = () => Promise.all([log.close(), other.close()])
  return { log, other, whole, selection, ...checksOf(log), close }
}

export const linesOf = (text = '') => text.split('\n').slice(0, -1)
export const joined = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')
export const changed = (
  files: Files,
  name: keyof typeof fileNames,
  lines: readonly string[],
): Files => ({
  ...files,
  [fileNames[name]]: joined(lines),
})
export const eventsOf = (files: Files) => linesOf(files[fileNames.events])
export const proofsOf = (files: Files) => linesOf(files[fileNames.proofs])
export const nameOf = (files: Files, n: number) => {
  const { logIndex, id } = JSON.parse(proofsOf(files)[n] ?? '{}')
  return `#${logIndex} ${id}`
}

/** First and last of the events that stand or fall with the one at this place: those between two checkpoints of the bundle. */
export function unprovenAt(files: Files, place: number): [first: number, last: number] {
  const sizes = linesOf(files[fileNames.checkpoints]).map((line) =>
    Number(JSON.parse(line).note.split('\n')[1]),
  )
  const first = Math.max(0, ...sizes.filter((size) => size <= place))
  return [first, Math.min(...sizes.filter((size) => size > place)) - 1]
}

export function rangeOf([first, last]: [first: number, last: number], id = ''): string {
  const what = first === last ? `event #${first} ${id}` : `an event between #${first} and #${last}`
  return `${what} is not what was signed: altered, exchanged, taken out or put in`
}

/** By somebody who has everything but the key. */
export function resigned(log: Log, files: Files): Files {
  const keys = newEvidenceKeys(log.nodeId)
  const origin = originOf(log.nodeId, log.tenantId)
  const textOf = (note: string) => note.slice(0, note.lastIndexOf('\n\n') + 1)
  const latin1 = (text: string) => Buffer.from(text).toString('latin1')
  const utf8 = (text: string) => Buffer.from(text, 'latin1').toString()
  const checkpoints = linesOf(files[fileNames.checkpoints]).map((line) => {
    const { note, ...rest } = JSON.parse(utf8(line))
    return latin1(JSON.stringify({ ...rest, note: keys.sign(origin, textOf(note)) }))
  })
  const manifest = textOf(utf8(files[fileNames.manifest] ?? ''))
  return {
    ...changed(files, 'checkpoints', checkpoints),
    [fileNames.manifest]: latin1(keys.sign(manifestName(origin), manifest)),
  }
}
