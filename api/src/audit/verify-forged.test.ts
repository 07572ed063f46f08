/** What the verifier makes of a bundle that whoever has the keys of the log has signed, and that is not what it says. */
import { createHash } from 'node:crypto'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import {
  fileNames,
  type Manifest,
  manifestName,
  manifestText,
  openManifest,
  placesOf,
} from '@travessia/schemas/evidence/manifest'
import { afterAll, expect, test } from 'vitest'
import type { Files } from './bundle.fixture.ts'
import { bundledLogs, changed, eventsOf, proofsOf } from './verify.fixture.ts'

const size = 41
const last = size - 1
const { log, checkFiles, whole, close } = await bundledLogs(size)
afterAll(close)
const origin = originOf(log.nodeId, log.tenantId)

/** With a manifest that fits it. */
function signed(files: Files, spans: Manifest['spans']): Files {
  const note = Buffer.from(files[fileNames.manifest] ?? '', 'latin1').toString()
  const manifest = openManifest(note, log.keys)
  if (!manifest) throw new TypeError('no manifest')
  const facts = Object.entries(manifest.files).map(([name]) => {
    const bytes = Buffer.from(files[fileNames[name as keyof typeof fileNames]] ?? '', 'latin1')
    return [name, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }]
  })
  const text = manifestText({ ...manifest, spans, files: Object.fromEntries(facts) })
  const again = log.evidenceKeys.sign(manifestName(origin), text)
  return { ...files, [fileNames.manifest]: Buffer.from(again).toString('latin1') }
}

/** With its last event withheld as expired. */
function withheld(change: object): Files {
  const { leaf } = JSON.parse(proofsOf(whole)[last] ?? '{}')
  const proof = JSON.stringify({ logIndex: last, leaf, expired: true, ...change })
  const less = changed(whole, 'events', eventsOf(whole).slice(0, last))
  return signed(changed(less, 'proofs', proofsOf(whole).with(last, proof)), [[0, last - 1]])
}

test('a part that is said to be the whole log is not complete', async () => {
  const some = changed(whole, 'events', eventsOf(whole).slice(0, 20))
  const part = signed(changed(some, 'proofs', proofsOf(whole).slice(0, 20)), [[0, 19]])
  const { wrong, missing } = await checkFiles(part)
  expect(wrong).toEqual(['event #20 is missing, and without it nothing from #18 on can be proven'])
  expect(missing).toEqual([`events from #20 to #${last} are missing`])
})

test('the leaf of an expired event is proven as any other, at its own place', async () => {
  expect(await checkFiles(withheld({}))).toMatchObject({ wrong: [], expired: 1 })
  const { leaf } = JSON.parse(proofsOf(whole)[0] ?? '{}')
  expect((await checkFiles(withheld({ leaf }))).wrong).toEqual([
    `an event between #38 and #${last} is not what was signed: altered, exchanged, taken out or put in`,
  ])
  expect((await checkFiles(withheld({ logIndex: 3 }))).wrong).toEqual([
    `event #${last} is missing, and without it nothing from #38 on can be proven`,
    'the proof of event #3 stands where another one belongs',
  ])
})

test.each([
  ['no JSON', 'x'],
  ['JSON of something else', JSON.stringify({ origin, scope: 'whole' })],
])('a signed manifest that is %s is none', async (_what, said) => {
  const note = log.evidenceKeys.sign(manifestName(origin), `travessia manifest 1\n${said}\n`)
  const files = { ...whole, [fileNames.manifest]: Buffer.from(note).toString('latin1') }
  expect((await checkFiles(files)).wrong).toEqual([
    expect.stringContaining(`${fileNames.manifest} is not signed by`),
  ])
})

test('a manifest of more events than anybody can check is no bundle', () => {
  const spans: Manifest['spans'] = [
    [0, 9_999_999],
    [0, 10_000_000],
  ]
  expect(() => placesOf({ spans } as unknown as Manifest)).toThrow('20000001 events')
})
