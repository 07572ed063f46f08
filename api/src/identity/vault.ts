/**
 * Sealed secrets at rest: AES-256-GCM under a data key, which is itself sealed by
 * `TRAVESSIA_ENCRYPTION_KEY`. The id, tenant and version of a row are bound into it, so a ciphertext that was
 * moved or altered does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { TravessiaError } from '@travessia/schemas/errors'
import { systemTenantId } from '@travessia/schemas/ids'
import { CompactEncrypt, importJWK, type JWK } from 'jose'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const dataKeyId = 'data-key'

export class Vault {
  readonly #database: DatabaseSync
  readonly #key: Buffer

  /** @throws TravessiaError CONFIG_INVALID when the key is not the one that sealed this database */
  constructor(database: DatabaseSync, encryptionKey: string) {
    this.#database = database
    this.#key = this.#dataKey(Buffer.from(encryptionKey, 'hex'))
  }

  put(tenantId: string, id: string, secret: string): void {
    const version = (this.#row(tenantId, id)?.version ?? 0) + 1
    const box = seal(this.#key, aad(tenantId, id, version), Buffer.from(secret))
    this.#write(tenantId, id, version, box)
  }

  get(tenantId: string, id: string): string | undefined {
    const row = this.#row(tenantId, id)
    return row && open(this.#key, aad(tenantId, id, row.version), row.box).toString()
  }

  /** Grows with each `put`; 0: nothing is kept there. */
  versionOf(tenantId: string, id: string): number {
    return this.#row(tenantId, id)?.version ?? 0
  }

  remove(tenantId: string, id: string): void {
    this.#database.prepare('delete from sealed where tenant = ? and id = ?').run(tenantId, id)
  }

  /** Sealed, to be kept elsewhere; `id` says what for. */
  seal(tenantId: string, id: string, secret: Buffer): Buffer {
    return seal(this.#key, aad(tenantId, id, 1), secret)
  }

  /** @throws an error when it was altered or was sealed under another tenant or id */
  open(tenantId: string, id: string, box: Buffer): Buffer {
    return open(this.#key, aad(tenantId, id, 1), box)
  }

  #dataKey(encryptionKey: Buffer): Buffer {
    const row = this.#row(systemTenantId, dataKeyId)
    const bound = aad(systemTenantId, dataKeyId, 1)
    if (row) return openedBy(encryptionKey, bound, row.box)
    const key = randomBytes(32)
    this.#write(systemTenantId, dataKeyId, 1, seal(encryptionKey, bound, key))
    return key
  }

  #row(tenantId: string, id: string): { version: number; box: Buffer } | undefined {
    const sql = 'select version, box from sealed where tenant = ? and id = ?'
    const row = this.#database.prepare(sql).get(tenantId, id)
    return row && { version: Number(row['version']), box: Buffer.from(row['box'] as Uint8Array) }
  }

  #write(tenantId: string, id: string, version: number, box: Buffer): void {
    const sql = 'insert or replace into sealed values (?, ?, ?, ?)'
    this.#database.prepare(sql).run(id, tenantId, version, box)
  }
}

/** Where a device's credentials are kept. */
export function credentialsId(deviceId: string): string {
  return `device-credentials:${deviceId}`
}

/** A secret as compact JWE that only the holder of the X25519 key can open (ADR 3). */
export async function sealToAgent(publicKey: JWK, secret: string): Promise<string> {
  const key = await importJWK(publicKey, 'ECDH-ES')
  return new CompactEncrypt(Buffer.from(secret))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt(key)
}

function openedBy(encryptionKey: Buffer, bound: Buffer, box: Buffer): Buffer {
  try {
    return open(encryptionKey, bound, box)
  } catch (cause) {
    const problem = 'TRAVESSIA_ENCRYPTION_KEY: it is not the key that sealed secrets.db'
    throw new TravessiaError('CONFIG_INVALID', { problems: [problem] }, { cause })
  }
}

function aad(tenantId: string, id: string, version: number): Buffer {
  return Buffer.from(JSON.stringify([tenantId, id, version]))
}

function seal(key: Buffer, bound: Buffer, secret: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce).setAAD(bound)
  const text = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([nonce, text, cipher.getAuthTag()])
}

function open(key: Buffer, bound: Buffer, box: Buffer): Buffer {
  const nonce = box.subarray(0, nonceBytes)
  const tag = box.subarray(-tagBytes)
  const decipher = createDecipheriv(algorithm, key, nonce).setAAD(bound).setAuthTag(tag)
  return Buffer.concat([decipher.update(box.subarray(nonceBytes, -tagBytes)), decipher.final()])
}
