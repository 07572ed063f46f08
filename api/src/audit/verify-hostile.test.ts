/** What the verifier makes of bundles that were made to break it: each is altered or none, and costs no more than others. */
import { fileNames } from '@travessia/schemas/evidence/manifest'
import { afterAll, expect, test } from 'vitest'
import { pack } from './bundle.fixture.ts'
import { bundledLogs, changed, eventsOf, nameOf } from './verify.fixture.ts'

const { log, check, checkFiles, whole, close } = await bundledLogs(9)
afterAll(close)

/** Where a file stands in the directory of a zip. */
function directoryOf(bytes: Buffer, name: string): Buffer {
  return bytes.subarray(bytes.lastIndexOf(name) - 46)
}

const actor = { id: 'x' }
test.each([
  { type: 'SubjectErased', data: null, actor },
  { type: 'SubjectErased', actor },
  { type: 'HttpResponseReceived', data: { responseBody: { ref: 'a', copyDigest: 'b' } } },
  { type: 'RetentionApplied' },
  { type: 'RetentionApplied', data: { spans: [1, null] } },
])('a line that is no event (%j) is an event that was altered', async (line) => {
  const events = eventsOf(whole).with(4, JSON.stringify(line))
  const { wrong } = await checkFiles(changed(whole, 'events', events))
  expect(wrong).toEqual([`event ${nameOf(whole, 4)} was altered`])
})

test('a line without an end is read no further than 16 MiB', async () => {
  const endless = 'x'.repeat((16 << 20) + 65_536)
  const { wrong } = await checkFiles({ ...whole, [fileNames.keys]: endless }, log.keys)
  expect(wrong).toEqual(['a line is too long'])
})

test('a note of more than 64 MiB is not read', async () => {
  const bytes = await pack(whole)
  directoryOf(bytes, fileNames.manifest).writeUInt32LE((64 << 20) + 1, 24)
  await expect(check(bytes)).rejects.toThrow(`no bundle: it has no ${fileNames.manifest}`)
})
