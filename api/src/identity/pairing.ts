/**
 * Pairing codes: 8 symbols of 20 letters, ten minutes, single use, stored as a hash. The code is
 * taken and the key is kept in one transaction: two agents that race for one code cannot both win.
 */
import { randomInt } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { JWK } from 'jose'
import { hashOf } from './secret.ts'

/** No vowels (no words), none that look alike. */
const alphabet = 'BCDFGHJKLMNPQRSTVWXZ'
const symbols = 8
export const pairingCodeMs = 10 * 60_000

type PairingCodeRow = {
  readonly tenantId: string
  readonly installationId: string
  readonly userId: string
}
export type AgentKeys = {
  readonly agentId: string
  readonly tenantId: string
  readonly installationId: string
  readonly publicKey: JWK
  readonly encryptionKey: JWK | undefined
  /** ms since 1970: tokens that were issued before are refused. */
  readonly tokenNotBefore: number
  readonly isRevoked: boolean
}

export class Pairing {
  readonly #database: DatabaseSync
  readonly #now: () => number
  /** Asked at each connection of an agent. */
  readonly #keys: ReturnType<DatabaseSync['prepare']>

  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database
    this.#now = now
    this.#keys = database.prepare('select * from agent_key where agent = ?')
  }

  /** A new code replaces the installation's former one. */
  issue({ tenantId, installationId, userId }: PairingCodeRow): { code: string; expiresAt: number } {
    const letters = Array.from({ length: symbols }, () => alphabet[randomInt(alphabet.length)])
    const code = `${letters.slice(0, 4).join('')}-${letters.slice(4).join('')}`
    const expiresAt = this.#now() + pairingCodeMs
    const stale = 'delete from pairing_code where installation = ? or expires_at <= ?'
    this.#database.prepare(stale).run(installationId, this.#now())
    this.#database
      .prepare('insert into pairing_code values (?, ?, ?, ?, ?)')
      .run(hashOf(normalCode(code)), tenantId, installationId, userId, expiresAt)
    return { code, expiresAt }
  }

  /** Until when a code of the installation is live. */
  liveUntil(installationId: string): number | undefined {
    const sql = 'select expires_at from pairing_code where installation = ? and expires_at > ?'
    const row = this.#database.prepare(sql).get(installationId, this.#now())
    return row && Number(row['expires_at'])
  }

  /** Whose code it is; it stays live. @throws TravessiaError PAIRING_CODE_INVALID */
  find(code: string): PairingCodeRow {
    const sql = 'select * from pairing_code where hash = ? and expires_at > ?'
    const row = this.#database.prepare(sql).get(hashOf(normalCode(code)), this.#now())
    if (!row) throw new TravessiaError('PAIRING_CODE_INVALID')
    return {
      tenantId: String(row['tenant']),
      installationId: String(row['installation']),
      userId: String(row['user']),
    }
  }

  /** Uses up the code and keeps the keys. @throws TravessiaError PAIRING_CODE_INVALID: somebody was quicker */
  take(code: string, keys: Omit<AgentKeys, 'tokenNotBefore' | 'isRevoked'>): void {
    this.#database.exec('begin immediate')
    try {
      const taken = this.#database
        .prepare('delete from pairing_code where hash = ? and expires_at > ?')
        .run(hashOf(normalCode(code)), this.#now())
      if (Number(taken.changes) !== 1) throw new TravessiaError('PAIRING_CODE_INVALID')
      const { agentId, tenantId, installationId, publicKey, encryptionKey } = keys
      const sealing = encryptionKey ? JSON.stringify(encryptionKey) : null
      this.#database
        .prepare('insert into agent_key values (?, ?, ?, ?, ?, 0, 0)')
        .run(agentId, tenantId, installationId, JSON.stringify(publicKey), sealing)
      this.#database.exec('commit')
    } catch (error) {
      this.#database.exec('rollback')
      throw error
    }
  }

  keysOf(agentId: string): AgentKeys | undefined {
    const row = this.#keys.get(agentId)
    if (!row) return undefined
    const sealing = row['encryption_key']
    return {
      agentId,
      tenantId: String(row['tenant']),
      installationId: String(row['installation']),
      publicKey: JSON.parse(String(row['public_key'])) as JWK,
      encryptionKey: sealing === null ? undefined : (JSON.parse(String(sealing)) as JWK),
      tokenNotBefore: Number(row['token_not_before']),
      isRevoked: row['revoked'] === 1,
    }
  }

  /** 32 bytes of Ed25519; undefined: no such agent (any more). */
  signingKeyOf(agentId: string): Uint8Array | undefined {
    const keys = this.keysOf(agentId)
    if (!keys || keys.isRevoked) return undefined
    return new Uint8Array(Buffer.from(String(keys.publicKey.x), 'base64url'))
  }

  /** Tokens issued until now are refused from now on. */
  refuseOldTokens(agentId: string): void {
    const sql = 'update agent_key set token_not_before = ? where agent = ?'
    this.#database.prepare(sql).run(this.#now(), agentId)
  }

  revoke(agentId: string): void {
    const sql = 'update agent_key set revoked = 1, token_not_before = ? where agent = ?'
    this.#database.prepare(sql).run(this.#now(), agentId)
  }

  /** Whose tokens of some time after `since` are refused, and until when they were issued. */
  refusedSince(since: number): Array<AgentAddress & { readonly at: number }> {
    const sql = 'select agent, tenant, token_not_before from agent_key where token_not_before > ?'
    return this.#database
      .prepare(sql)
      .all(since)
      .map((row) => ({
        ...{ tenantId: String(row['tenant']), agentId: String(row['agent']) },
        at: Number(row['token_not_before']),
      }))
  }

  /** Takes up a proof's id. @returns false: it was used before */
  useProof(jti: string, expiresAt: number): boolean {
    this.#database.prepare('delete from used_proof where expires_at <= ?').run(this.#now())
    const sql = 'insert or ignore into used_proof values (?, ?)'
    return Number(this.#database.prepare(sql).run(jti, expiresAt).changes) === 1
  }
}

function normalCode(code: string): string {
  return code.toUpperCase().replace(/[^A-Z]/g, '')
}
