import { randomBytes } from 'node:crypto'
import { newId } from '@travessia/schemas/ids'
import { compactDecrypt, exportJWK, generateKeyPair } from 'jose'
import { expect, test } from 'vitest'
import { openSecretsDatabase } from './secrets-database.ts'
import { sealToAgent, Vault } from './vault.ts'

const key = randomBytes(32).toString('hex')

function setUp() {
  const database = openSecretsDatabase(':memory:')
  return { database, vault: new Vault(database, key), tenantId: newId() }
}

test('a secret comes back, is replaced and removed, and is not in the file', () => {
  const { database, vault, tenantId } = setUp()
  vault.put(tenantId, 'device', 'canary-1')
  vault.put(tenantId, 'device', 'canary-2')
  expect(vault.get(tenantId, 'device')).toBe('canary-2')
  const stored = Buffer.concat(
    database
      .prepare('select box from sealed')
      .all()
      .map((row) => row['box'] as Uint8Array),
  )
  expect(stored.includes('canary')).toBe(false)
  vault.remove(tenantId, 'device')
  expect(vault.get(tenantId, 'device')).toBeUndefined()
  expect(vault.get(newId(), 'device')).toBeUndefined()
})

test.each([
  ['to another id', "update sealed set id = 'other' where id = 'device'", 'other'],
  ['to another version', "update sealed set version = 7 where id = 'device'", 'device'],
])('a ciphertext that was moved %s does not open', (_what, sql, id) => {
  const { database, vault, tenantId } = setUp()
  vault.put(tenantId, 'device', 'secret')
  database.exec(sql)
  expect(() => vault.get(tenantId, id)).toThrow()
})

test('a ciphertext that was moved to another tenant does not open', () => {
  const { database, vault, tenantId } = setUp()
  const other = newId()
  vault.put(tenantId, 'device', 'secret')
  database.prepare("update sealed set tenant = ? where id = 'device'").run(other)
  expect(() => vault.get(other, 'device')).toThrow()
})

test('no bit of a ciphertext can be changed', () => {
  const { database, vault, tenantId } = setUp()
  vault.put(tenantId, 'device', 'secret')
  const box = database.prepare("select box from sealed where id = 'device'").get()?.[
    'box'
  ] as Uint8Array
  const write = database.prepare("update sealed set box = ? where id = 'device'")
  for (let bit = 0; bit < box.length * 8; bit += 1) {
    const changed = Uint8Array.from(box)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    write.run(changed)
    expect(() => vault.get(tenantId, 'device')).toThrow()
  }
  write.run(box)
  expect(vault.get(tenantId, 'device')).toBe('secret')
})

test('with the wrong key the vault does not open at all; with the right one it does again', () => {
  const { database, vault, tenantId } = setUp()
  vault.put(tenantId, 'device', 'secret')
  const problems = [expect.stringMatching(/^TRAVESSIA_ENCRYPTION_KEY: /)]
  expect(() => new Vault(database, randomBytes(32).toString('hex'))).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', details: { problems } }),
  )
  expect(new Vault(database, key).get(tenantId, 'device')).toBe('secret')
})

test('no nonce repeats in a thousand seals', () => {
  const { database, vault, tenantId } = setUp()
  const nonces = new Set<string>()
  for (let i = 0; i < 1_000; i += 1) {
    vault.put(tenantId, 'device', 'secret')
    const box = database.prepare("select box from sealed where id = 'device'").get()?.['box']
    nonces.add(
      Buffer.from(box as Uint8Array)
        .subarray(0, 12)
        .toString('hex'),
    )
  }
  expect(nonces.size).toBe(1_000)
})

test('what is sealed to an agent opens with its key only (ADR 3)', async () => {
  const pair = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  const other = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  const sealed = await sealToAgent(await exportJWK(pair.publicKey), 'secret')
  const { plaintext } = await compactDecrypt(sealed, pair.privateKey)
  expect(Buffer.from(plaintext).toString()).toBe('secret')
  await expect(compactDecrypt(sealed, other.privateKey)).rejects.toThrow()
})
