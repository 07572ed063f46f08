import type { DatabaseSync } from 'node:sqlite'
import { toBase64 } from '@travessia/schemas/evidence/bytes'
import { followKeys, keysName, maxKeyChanges } from '@travessia/schemas/evidence/key-changes'
import { openNote } from '@travessia/schemas/evidence/note'
import { systemTenantId } from '@travessia/schemas/ids'
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

const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })
const name = keysName('travessia/node/any')

test('each change is signed by the keys before and after it: who knows the first follows to those of today', () => {
  const keys = new EvidenceKeys(openVault(openSecretsDatabase(':memory:')), 'node')
  const [first] = keys.publicKeys() as [Uint8Array]
  keys.add()
  const [, second] = keys.publicKeys() as [Uint8Array, Uint8Array]
  expect(followKeys(name, keys.changes(), [first]).current).toEqual([first, second])
  keys.retire(first)
  expect(keys.publicKeys()).toEqual([second])
  expect(keys.retiredKeys()).toEqual([first])
  expect(followKeys(name, keys.changes(), [first]).current).toEqual([second])
})

test('a retired key signs nothing more, and is nowhere kept', () => {
  const database = openSecretsDatabase(':memory:')
  const keys = new EvidenceKeys(openVault(database), 'node')
  const [retired] = keys.keysOf('a')
  keys.add()
  keys.retire(retired?.publicKey ?? new Uint8Array())
  expect(openNote(keys.sign('a', 'text\n'), retired ? [retired] : [])).toBeUndefined()
  const kept = openVault(database).get(systemTenantId, 'evidence-keys') ?? ''
  const privateKeys = (JSON.parse(kept) as { keys: Array<{ x: string }> }).keys
  expect(privateKeys).toHaveLength(1)
})

test('a node signs with what another process has changed beside it', () => {
  const database = openSecretsDatabase(':memory:')
  const [node, command] = [1, 2].map(() => new EvidenceKeys(openVault(database), 'node')) as [
    EvidenceKeys,
    EvidenceKeys,
  ]
  const before = node.version()
  command.add()
  expect(node.publicKeys()).toEqual(command.publicKeys())
  expect(node.publicKeys()).toHaveLength(2)
  expect(node.version()).toBeGreaterThan(before)
})

test('the only key, one that does not sign and a fifth one at a time are refused', () => {
  const keys = new EvidenceKeys(openVault(openSecretsDatabase(':memory:')), 'node')
  const [first] = keys.publicKeys() as [Uint8Array]
  expect(() => keys.retire(first)).toThrow(invalid)
  for (let n = 0; n < 3; n += 1) keys.add()
  expect(() => keys.retire(new Uint8Array(32))).toThrow(invalid)
  expect(() => keys.add()).toThrow(invalid)
  keys.retire(first)
  expect(() => keys.retire(first)).toThrow(invalid)
})

test('keys of before there were changes go on, and get a first one', () => {
  const database = openSecretsDatabase(':memory:')
  const vault = openVault(database)
  const [known] = new EvidenceKeys(vault, 'node').publicKeys() as [Uint8Array]
  const { keys } = JSON.parse(vault.get(systemTenantId, 'evidence-keys') ?? '') as {
    keys: object[]
  }
  vault.put(systemTenantId, 'evidence-keys', JSON.stringify(keys))
  const again = new EvidenceKeys(vault, 'node')
  expect(again.publicKeys().map(toBase64)).toEqual([toBase64(known)])
  expect(followKeys(name, again.changes(), [known]).current).toEqual([known])
})

test('keys change so often and no more, since whoever checks follows each change; what signed goes on', () => {
  const keys = new EvidenceKeys(openVault(openSecretsDatabase(':memory:')), 'node')
  while (keys.changes().length < maxKeyChanges) {
    const [oldest, second] = keys.publicKeys()
    if (second && oldest) keys.retire(oldest)
    else keys.add()
  }
  const known = keys.publicKeys()
  expect(() => keys.add()).toThrow(invalid)
  expect(keys.publicKeys()).toEqual(known)
  expect(openNote(keys.sign('a', 'text\n'), keys.keysOf('a'))?.text).toBe('text\n')
})
