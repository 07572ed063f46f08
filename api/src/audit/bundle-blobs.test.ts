import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { BundleBlobs } from './bundle-blobs.ts'
import { sampleData } from './sample-data.fixture.ts'

const tenantId = newId()
const refOf = (n: number) => String(n).padStart(64, '0')

/** An event that names a body. */
function answered(n: number): string {
  const responseBody = { bytes: 9, digest: 'sha256:00', ref: refOf(n), copyDigest: 'sha256:00' }
  const data = { ...sampleData.HttpResponseReceived, responseBody }
  return JSON.stringify({ type: 'HttpResponseReceived', actor: { id: newId() }, data })
}

async function namesIn(blobs: BundleBlobs): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of blobs.files()) names.push(name)
  return names
}

test('bodies beyond 2 GiB are left out, smaller ones after them are not, and the bundle says that there are more', async () => {
  const held = [Buffer.alloc(1.5 * 2 ** 30), Buffer.alloc(2 ** 30), Buffer.alloc(9)]
  const blobs = new BundleBlobs({ get: async (_, ref) => held[Number(ref)] }, tenantId)
  held.forEach((_, n) => {
    blobs.see(answered(n))
  })
  expect(await namesIn(blobs)).toEqual([`blobs/${refOf(0)}`, `blobs/${refOf(2)}`])
  expect(blobs.notes()).toEqual({ isCut: true })
})

test('bodies beyond 50,000 are left out, and the bundle says so', async () => {
  const blobs = new BundleBlobs({ get: async () => Buffer.alloc(1) }, tenantId)
  for (let n = 0; n < 50_000; n += 1) blobs.see(answered(n))
  blobs.see(answered(0))
  expect(blobs.notes()).toEqual({})
  blobs.see(answered(50_000))
  expect(blobs.notes()).toEqual({ isCut: true })
  expect(await namesIn(blobs)).toHaveLength(50_000)
})
