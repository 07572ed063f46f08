import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { afterEach, expect, test } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { SubjectKeys } from '../identity/subject-keys.ts'
import { Vault } from '../identity/vault.ts'
import { BlobStore } from './blob-store.ts'

const directories: string[] = []
const tenantId = newId()
const maria = newId()
const day = 24 * 3_600_000
const page = Buffer.from(`<p>canary</p>${'x'.repeat(10_000)}`)

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function setUp({ maxBytes = 2 ** 30 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'travessia-blobs-'))
  directories.push(folder)
  const directory = join(folder, 'blobs')
  const database = openSecretsDatabase(':memory:')
  const keys = new SubjectKeys(database, new Vault(database, randomBytes(32).toString('hex')))
  const clock = { ms: Date.now() }
  const now = () => clock.ms
  return { directory, keys, clock, blobs: new BlobStore({ directory, keys, maxBytes, now }) }
}

function pathsIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

test('what was put comes back, is kept once, small and sealed, two folders deep', async () => {
  const { blobs, directory } = setUp()
  const ref = await blobs.put(tenantId, maria, page)
  expect(await blobs.put(tenantId, maria, page)).toBe(ref)
  expect(await blobs.get(tenantId, ref)).toEqual(page)
  const [path = '', ...others] = pathsIn(directory)
  expect(others).toEqual([])
  expect(path).toBe(join(directory, ref.slice(0, 2), ref.slice(2, 4), ref))
  const file = readFileSync(path)
  expect(file.length).toBeLessThan(300)
  expect(blobs.usedBytes).toBe(file.length)
  expect(file.includes('canary')).toBe(false)
})

test('the same bytes have another name for another person and another tenant, and open for none of them', async () => {
  const { blobs } = setUp()
  const other = newId()
  const ref = await blobs.put(tenantId, maria, page)
  const refs = [await blobs.put(tenantId, newId(), page), await blobs.put(other, maria, page)]
  expect(new Set([ref, ...refs]).size).toBe(3)
  expect(await blobs.get(other, ref)).toBeUndefined()
  expect(await blobs.get(tenantId, 'f'.repeat(64))).toBeUndefined()
})

test('no byte of a blob can be changed, and none stands under another name', async () => {
  const { blobs, directory } = setUp()
  const ref = await blobs.put(tenantId, maria, Buffer.from('small'))
  const other = await blobs.put(tenantId, maria, Buffer.from('other'))
  const path = join(directory, ref.slice(0, 2), ref.slice(2, 4), ref)
  const file = readFileSync(path)
  for (let at = 53; at < file.length; at += 1) {
    const changed = Buffer.from(file)
    changed[at] = (changed[at] ?? 0) ^ 1
    writeFileSync(path, changed)
    await expect(blobs.get(tenantId, ref)).rejects.toThrow()
  }
  writeFileSync(path, readFileSync(join(directory, other.slice(0, 2), other.slice(2, 4), other)))
  await expect(blobs.get(tenantId, ref)).rejects.toThrow()
})

test('a ref is never a path', async () => {
  const { blobs } = setUp()
  for (const ref of ['../../secrets.db', `../${'a'.repeat(61)}`, '', 'A'.repeat(64)])
    await expect(blobs.get(tenantId, ref)).rejects.toThrow(TypeError)
})

test('after an erasure a blob of that person says so, its content is gone, and no new one is taken', async () => {
  const { blobs, keys, directory } = setUp()
  const ref = await blobs.put(tenantId, maria, page)
  const others = await blobs.put(tenantId, newId(), page)
  keys.erase(tenantId, maria, Date.now())
  expect(await blobs.get(tenantId, ref)).toBe('erased')
  const used = blobs.usedBytes
  expect(await blobs.erase(tenantId, maria)).toBe(1)
  expect(await blobs.erase(tenantId, maria)).toBe(0)
  expect(await blobs.get(tenantId, ref)).toBe('erased')
  expect(blobs.usedBytes).toBeLessThan(used)
  const sizes = pathsIn(directory).map((path) => readFileSync(path).length)
  expect(Math.min(...sizes)).toBe(53)
  expect(await blobs.get(tenantId, others)).toEqual(page)
  await expect(blobs.put(tenantId, maria, page)).rejects.toThrow('erased')
})

test('what no event has named for a day is swept; what is named, young or asked for again stays', async () => {
  const { blobs, clock, directory } = setUp()
  const put = (text: string) => blobs.put(tenantId, maria, Buffer.from(text))
  const [named, again, orphan] = [await put('named'), await put('again'), await put('orphan')]
  const aside = join(directory, named.slice(0, 2), named.slice(2, 4), `${named}.7-1`)
  writeFileSync(aside, 'left by a crash')
  clock.ms += day + 60_000
  expect(await put('again')).toBe(again)
  const young = await put('young')
  utimesSync(join(directory, young.slice(0, 2), young.slice(2, 4), young), 0, clock.ms / 1000)
  expect(await blobs.sweep((ref) => ref === named)).toBe(1)
  const left = await Promise.all([named, again, young].map((ref) => blobs.get(tenantId, ref)))
  expect(left.map(String)).toEqual(['named', 'again', 'young'])
  expect(await blobs.get(tenantId, orphan)).toBeUndefined()
  expect(pathsIn(directory)).not.toContain(aside)
})

test('what is put again while it is about to be swept stays', async () => {
  const { blobs, clock } = setUp()
  const ref = await blobs.put(tenantId, maria, page)
  clock.ms += day + 60_000
  const again: Array<Promise<string>> = []
  const isNamed = () => {
    again.push(blobs.put(tenantId, maria, page))
    return false
  }
  expect(await blobs.sweep(isNamed)).toBe(0)
  expect(await Promise.all(again)).toEqual([ref])
  expect(await blobs.get(tenantId, ref)).toEqual(page)
})

test('beyond the limit a blob is refused, and one that is there already is not', async () => {
  const { blobs } = setUp({ maxBytes: 300 })
  const ref = await blobs.put(tenantId, maria, randomBytes(400))
  await expect(blobs.put(tenantId, maria, page)).rejects.toMatchObject({ code: 'BLOBS_FULL' })
  blobs.remove(ref)
  expect(blobs.usedBytes).toBe(0)
  expect(await blobs.put(tenantId, maria, page)).toHaveLength(64)
  await expect(blobs.put(tenantId, maria, Buffer.alloc(17 * 2 ** 20))).rejects.toThrow(RangeError)
})
