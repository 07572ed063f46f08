import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { expect, onTestFinished, test } from 'vitest'
import { openSecretsDatabase } from './secrets-database.ts'
import { type SubjectKey, SubjectKeys } from './subject-keys.ts'
import { Vault } from './vault.ts'

const [tenantId, subjectId] = [newId(), newId()]

function setUp() {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-keys-'))
  const database = openSecretsDatabase(join(directory, 'secrets.db'))
  const vault = new Vault(database, randomBytes(32).toString('hex'))
  onTestFinished(() => {
    database.close()
    rmSync(directory, { recursive: true })
  })
  const bytes = () =>
    Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))))
  return { database, vault, bytes, keys: new SubjectKeys(database, vault) }
}

function bytesOf(key: SubjectKey | 'erased' | undefined): string[] {
  return typeof key === 'object'
    ? Object.values(key).map((one) => one.export().toString('hex'))
    : []
}

test('a person keeps one key for each use, others have other ones, and they are stored sealed', () => {
  const { keys, database, vault, bytes } = setUp()
  const key = bytesOf(keys.keyFor(tenantId, subjectId))
  expect(bytesOf(new SubjectKeys(database, vault).keyOf(tenantId, subjectId))).toEqual(key)
  const others = [keys.keyFor(newId(), subjectId), keys.keyFor(tenantId, newId())]
  expect(new Set([key, ...others.map(bytesOf)].flat()).size).toBe(9)
  expect(keys.keyOf(tenantId, newId())).toBeUndefined()
  const stored = bytes().toString('hex')
  expect(key.filter((one) => stored.includes(one))).toEqual([])
})

test('an erased key is in no file any more, and no other one is made in its place', () => {
  const { keys, database, vault, bytes } = setUp()
  keys.keyFor(tenantId, subjectId)
  for (let others = 0; others < 40; others += 1) keys.keyFor(tenantId, newId())
  const row = database.prepare('select box from subject_key where subject = ?').get(subjectId)
  const box = Buffer.from(row?.['box'] as Uint8Array)
  expect(bytes().includes(box)).toBe(true)
  keys.erase(tenantId, subjectId, 1)
  expect(bytes().includes(box)).toBe(false)
  expect(keys.keyFor(tenantId, subjectId)).toBe('erased')
  expect(new SubjectKeys(database, vault).isErased(tenantId, subjectId)).toBe(true)
})

test('whoever never had a key is erased as well, and an erasure is finished once its rest is done', () => {
  const { keys } = setUp()
  keys.erase(tenantId, subjectId, 1)
  keys.erase(tenantId, subjectId, 2)
  expect(keys.keyFor(tenantId, subjectId)).toBe('erased')
  expect(keys.isFinished(tenantId, subjectId)).toBe(false)
  keys.finish(tenantId, subjectId)
  expect(keys.isFinished(tenantId, subjectId)).toBe(true)
})
