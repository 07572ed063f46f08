import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import {
  fileNames,
  type Manifest,
  manifestName,
  manifestText,
  openManifest,
} from '@travessia/schemas/evidence/manifest'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append, event } from '../store/conformance-events.ts'
import type { NewEvent } from '../store/event-store.ts'
import { createTestLog, type Files, pack, unpack } from './bundle.fixture.ts'
import { sampleData } from './sample-data.fixture.ts'
import { checksOf, type Log } from './verify.fixture.ts'

const [page, form] = [Buffer.from('<p>seen</p>'), Buffer.from('a=[redacted]')]
const [pageRef, formRef] = ['a'.repeat(64), 'b'.repeat(64)]
const maria = newId()
let log: Log
let files: Files

beforeAll(async () => {
  log = await createTestLog(3)
  await log.store.append(append({ tenantId: log.tenantId, events: [answered()] }))
  files = await unpack(log.path, await bundleOf({ [pageRef]: page, [formRef]: form }))
})
afterAll(() => log.close())

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

function answered(): NewEvent {
  const copy = (ref: string, bytes: Buffer) => ({
    ...{ bytes: 9, digest: 'sha256:00', ref },
    ...{ copyBytes: bytes.length, copyDigest: digestOf(bytes) },
  })
  const bodies = { requestBody: copy(formRef, form), responseBody: copy(pageRef, page) }
  return {
    ...event({ actor: { type: 'user', id: maria }, deviceId: log.deviceId }),
    ...{ type: 'HttpResponseReceived', data: { ...sampleData.HttpResponseReceived, ...bodies } },
  } as NewEvent
}

async function bundleOf(
  held: Readonly<Record<string, Buffer | 'erased'>>,
  scope: 'whole' | 'selection' = 'whole',
): Promise<Buffer> {
  const blobs = { get: async (_tenantId: string, ref: string) => held[ref] }
  return log.bundle(scope, { blobs, upTo: await log.grow(1) })
}

async function check(bytes: Buffer) {
  const report = await checksOf(log).check(bytes)
  return { ...report, said: reportLines(report.report, 5) }
}

test.each(['whole', 'selection'] as const)(
  'a bundle (%s) has the bodies that its events name, once each, and they are checked',
  async (scope) => {
    const report = await check(await bundleOf({ [pageRef]: page, [formRef]: form }, scope))
    expect(report).toMatchObject({ wrong: [], missing: [], bodies: { kept: 2, erased: 0 } })
    expect(files[`blobs/${pageRef}`]).toBe(String(page))
    expect(report.said).toContain('Bodies: 2 as they were kept')
  },
)

test('a body that was changed is altered, by name of body and event', async () => {
  const report = await check(await pack({ ...files, [`blobs/${pageRef}`]: '<p>sees</p>' }))
  expect(report.wrong).toEqual([expect.stringMatching(`body ${pageRef} of event \\w+ was altered`)])
})

test('a body that cannot be unpacked is altered too, and everything else is checked', async () => {
  const bytes = await pack(files)
  const central = bytes.subarray(bytes.lastIndexOf(`blobs/${pageRef}`) - 46)
  central.writeUInt32LE(crc32('other'), 16)
  const report = await check(bytes)
  expect(report.wrong).toEqual([expect.stringMatching(`body ${pageRef} of event \\w+ was altered`)])
  expect(report.bodies).toMatchObject({ kept: 1 })
})

test('a body that is not there is missing, and so is one that the store could not give', async () => {
  const { [`blobs/${pageRef}`]: _taken, ...rest } = files
  const expected = [expect.stringMatching(`body ${pageRef} of event \\w+ is missing`)]
  expect((await check(await pack(rest))).missing).toEqual(expected)
  expect((await check(await bundleOf({ [formRef]: form }))).missing).toEqual(expected)
})

test('a body that no event names is said to be that', async () => {
  const report = await check(await pack({ ...files, [`blobs/${'c'.repeat(64)}`]: 'x' }))
  expect(report.wrong).toEqual([expect.stringContaining('nothing names it')])
})

test('bodies that the server says it left out for their number leave the bundle incomplete, and are counted', async () => {
  const { [`blobs/${pageRef}`]: _page, [`blobs/${formRef}`]: _form, ...rest } = files
  const origin = originOf(log.nodeId, log.tenantId)
  const note = Buffer.from(files[fileNames.manifest] ?? '', 'latin1').toString()
  const opened = openManifest(note, log.keys) as Manifest
  const text = manifestText({ ...opened, bodies: { isCut: true } })
  const manifest = Buffer.from(log.evidenceKeys.sign(manifestName(origin), text)).toString('latin1')
  const report = await check(await pack({ ...rest, [fileNames.manifest]: manifest }))
  expect(report).toMatchObject({
    wrong: [],
    missing: [expect.stringContaining('2 bodies were left out')],
  })
  expect(report.said).toContain('Completeness: INCOMPLETE')
  const held = await check(await pack({ ...files, [fileNames.manifest]: manifest }))
  expect(held).toMatchObject({ wrong: [], missing: [] })
})

test('bodies of an erased person are erased and not damage, in a whole log only if the log says so', async () => {
  const held = { [pageRef]: 'erased', [formRef]: 'erased' } as const
  const part = await check(await bundleOf(held, 'selection'))
  expect(part).toMatchObject({ wrong: [], missing: [], bodies: { kept: 0, erased: 2 } })
  expect((await check(await bundleOf(held))).missing).toHaveLength(2)
  const fact = { type: 'SubjectErased', data: { userId: maria } }
  const erased = { ...event(), ...fact } as NewEvent
  await log.store.append(append({ tenantId: log.tenantId, events: [erased] }))
  const whole = await check(await bundleOf(held))
  expect(whole).toMatchObject({ wrong: [], missing: [], bodies: { kept: 0, erased: 2 } })
  expect(whole.said).toContain('Bodies: 2 erased with the person whom they were about')
})
