/**
 * One key for each person of a tenant (and one for the tenant itself, for what belongs to nobody known): it seals what the
 * log and the blobs hold of that person. Without the key both are noise, so erasing somebody is destroying it. Killed while
 * erasing: the key is there or gone, and what is left to do is done at the next start.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Vault } from './vault.ts'

/** In memory; a key is unwrapped again when it is wanted. */
const maxHeld = 10_000
/** Of one person: a key for each use, so that nothing made for one means anything to another. */
export type SubjectKey = { readonly [U in Use]: KeyObject }
const uses = ['blobName', 'blobSeal', 'eventText'] as const
type Use = (typeof uses)[number]

const table = `create table if not exists subject_key(
  tenant text not null, subject text not null, box blob, erased_at integer, finished integer not null default 0,
  primary key (tenant, subject)) without rowid`

export class SubjectKeys {
  readonly #database: DatabaseSync
  readonly #vault: Vault
  readonly #held = new Map<string, SubjectKey>()

  constructor(database: DatabaseSync, vault: Vault) {
    this.#database = database
    this.#vault = vault
    database.exec(table)
  }

  /** Made and durable at the first use. */
  keyFor(tenantId: string, subjectId: string): SubjectKey | 'erased' {
    return this.keyOf(tenantId, subjectId) ?? this.#make(tenantId, subjectId)
  }

  /** undefined: nothing was ever sealed with one. */
  keyOf(tenantId: string, subjectId: string): SubjectKey | 'erased' | undefined {
    const held = this.#held.get(`${tenantId}/${subjectId}`)
    if (held) return held
    const row = this.#row(tenantId, subjectId)
    if (!row) return undefined
    if (row.box === null) return 'erased'
    return this.#hold(tenantId, subjectId, this.#vault.open(tenantId, nameOf(subjectId), row.box))
  }

  /** The key is gone when it returns, also from the database's log. Nothing happens the second time. */
  erase(tenantId: string, subjectId: string, now: number): void {
    this.#held.delete(`${tenantId}/${subjectId}`)
    const sql = `insert into subject_key values (?, ?, null, ?, 0)
      on conflict do update set box = null, erased_at = excluded.erased_at where box is not null`
    this.#database.prepare(sql).run(tenantId, subjectId, now)
    this.#database.exec('pragma wal_checkpoint(truncate)')
  }

  isErased(tenantId: string, subjectId: string): boolean {
    return this.keyOf(tenantId, subjectId) === 'erased'
  }

  /** Everything else of the erasure is done too. */
  finish(tenantId: string, subjectId: string): void {
    const sql = 'update subject_key set finished = 1 where tenant = ? and subject = ?'
    this.#database.prepare(sql).run(tenantId, subjectId)
  }

  isFinished(tenantId: string, subjectId: string): boolean {
    return this.#row(tenantId, subjectId)?.isFinished ?? false
  }

  #make(tenantId: string, subjectId: string): SubjectKey {
    const key = randomBytes(32)
    const box = this.#vault.seal(tenantId, nameOf(subjectId), key)
    this.#database
      .prepare('insert into subject_key values (?, ?, ?, null, 0)')
      .run(tenantId, subjectId, box)
    return this.#hold(tenantId, subjectId, key)
  }

  #hold(tenantId: string, subjectId: string, key: Buffer): SubjectKey {
    const derived = derive(key)
    if (this.#held.size >= maxHeld) this.#held.clear()
    this.#held.set(`${tenantId}/${subjectId}`, derived)
    return derived
  }

  #row(tenantId: string, subjectId: string) {
    const sql = 'select box, finished from subject_key where tenant = ? and subject = ?'
    const row = this.#database.prepare(sql).get(tenantId, subjectId)
    if (!row) return undefined
    const box = row['box'] === null ? null : Buffer.from(row['box'] as Uint8Array)
    return { box, isFinished: row['finished'] === 1 }
  }
}

function derive(key: Buffer): SubjectKey {
  const pairs = uses.map((use) => [
    use,
    createSecretKey(createHmac('sha256', key).update(use).digest()),
  ])
  return Object.fromEntries(pairs) as SubjectKey
}

function nameOf(subjectId: string): string {
  return `subject-key:${subjectId}`
}
