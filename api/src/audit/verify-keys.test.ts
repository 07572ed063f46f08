/** What the verifier makes of a log whose keys were changed. */
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { fileNames, manifestName } from '@travessia/schemas/evidence/manifest'
import { noteKeyText, signNote } from '@travessia/schemas/evidence/note'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { expect, test } from 'vitest'
import { createTestLog, newEvidenceKeys, unpack } from './bundle.fixture.ts'
import { changed, checksOf, linesOf } from './verify.fixture.ts'

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
  const { checkFiles } = checksOf(rotated)
  return { rotated, first, second: evidenceKeys.keysOf(origin), origin, bundle, checkFiles }
}

test('a bundle from after a change of keys is checked by who knows only the old one, only the new one, or none', async () => {
  const { rotated, first, second, bundle, checkFiles } = await rotatedLog()
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
  const { rotated, first, second, origin, bundle, checkFiles } = await rotatedLog()
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
