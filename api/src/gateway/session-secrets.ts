/** Tickets and cookies of remote sessions, as hashes: a ticket is used once, a cookie lives as long as the session. */
import type { DatabaseSync } from 'node:sqlite'
import { TravessiaError } from '@travessia/schemas/errors'
import { hashOf, newSecret } from '../identity/secret.ts'

const ticketMs = 60_000

export class SessionSecrets {
  readonly #database: DatabaseSync
  readonly #now: () => number
  /** Of sessions that have a cookie, its hash: every request asks for it. */
  readonly #cookieHashes = new Map<string, string>()

  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /** A ticket that opens the session once within a minute. */
  newTicket(sessionId: string): string {
    const ticket = newSecret()
    this.#cookieHashes.delete(sessionId)
    this.#database
      .prepare('insert or replace into session_secret values (?, ?, ?, null)')
      .run(sessionId, hashOf(ticket), this.#now() + ticketMs)
    return ticket
  }

  /** The cookie that the ticket is worth. @throws TravessiaError TICKET_USED: also wrong or late ones */
  redeem(sessionId: string, ticket: string): string {
    const cookie = newSecret()
    const sql = `update session_secret set ticket_hash = null, cookie_hash = ?
      where session = ? and ticket_hash = ? and ticket_expires_at > ?`
    const { changes } = this.#database
      .prepare(sql)
      .run(hashOf(cookie), sessionId, hashOf(ticket), this.#now())
    if (Number(changes) !== 1) throw new TravessiaError('TICKET_USED')
    return cookie
  }

  isCookieOf(sessionId: string, cookie: string): boolean {
    return this.isHashOfCookie(sessionId, hashOf(cookie))
  }

  /** The same of a cookie whose hash (`hashOf`) is known. */
  isHashOfCookie(sessionId: string, hash: string): boolean {
    return this.#cookieHashOf(sessionId) === hash
  }

  #cookieHashOf(sessionId: string): string | undefined {
    const known = this.#cookieHashes.get(sessionId)
    if (known !== undefined) return known
    const sql = 'select cookie_hash from session_secret where session = ?'
    const stored = this.#database.prepare(sql).get(sessionId)?.['cookie_hash']
    if (typeof stored !== 'string') return undefined
    this.#cookieHashes.set(sessionId, stored)
    return stored
  }

  forget(sessionId: string): void {
    this.#cookieHashes.delete(sessionId)
    this.#database.prepare('delete from session_secret where session = ?').run(sessionId)
  }
}
