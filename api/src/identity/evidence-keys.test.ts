import type { DatabaseSync } from 'node:sqlite'
import { openNote } from '@travessia/schemas/evidence/note'
import { expect, test } from 'vitest'
import { EvidenceKeys } from './evidence-keys.ts'
import { openSecretsDatabase } from './secrets-database.ts'
import { Vault } from './vault.ts'

function openVault(database: DatabaseSync): Vault {
  return new Vault(database, '00'.repeat(32))
}

test('the key is made once: another start signs with the same one', () => {
  const database = openSecretsDatabase(':memory:')
  const first = new EvidenceKeys(openVault(database), 'node')
  const again = new EvidenceKeys(openVault(database), 'node')
  expect(again.publicKeys()).toEqual(first.publicKeys())
  expect(again.sign('a', 'text\n')).toBe(first.sign('a', 'text\n'))
})

test('a new key signs beside the older one, so that who knows only one of them can check', () => {
  const database = openSecretsDatabase(':memory:')
  const keys = new EvidenceKeys(openVault(database), 'node')
  const [older] = keys.keysOf('a')
  keys.add()
  const note = new EvidenceKeys(openVault(database), 'node').sign('a', 'text\n')
  const [, newer] = keys.keysOf('a')
  for (const key of [older, newer]) expect(openNote(note, key ? [key] : [])?.text).toBe('text\n')
})

test('the private keys are nowhere in the file in the clear', () => {
  const database = openSecretsDatabase(':memory:')
  new EvidenceKeys(openVault(database), 'node')
  const rows = database.prepare('select box from sealed').all()
  for (const { box } of rows)
    expect(Buffer.from(box as Uint8Array).toString('latin1')).not.toContain('Ed25519')
})
