/** Sign-ins: the one cookie holds a random secret of which only the hash is stored; each can be ended. */
import type { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import { hashOf, newSecret } from './secret.ts'

export const cookieName = '__Host-travessia'
export const loginSeconds = 12 * 3_600

type Login = { readonly id: string; readonly userId: string; readonly expiresAt: number }

export class Logins {
  readonly #database: DatabaseSync
  readonly #now: () => number

  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /** `secret` goes into the cookie and is not kept. */
  start(userId: string): { login: Login; secret: string } {
    const secret = newSecret()
    const now = this.#now()
    const login = { id: newId(), userId, expiresAt: now + loginSeconds * 1000 }
    this.#database.prepare('delete from login where expires_at <= ?').run(now)
    this.#database
      .prepare('insert into login values (?, ?, ?, ?, ?)')
      .run(login.id, hashOf(secret), userId, now, login.expiresAt)
    return { login, secret }
  }

  bySecret(secret: string): Login | undefined {
    return this.#one('select * from login where hash = ? and expires_at > ?', hashOf(secret))
  }

  byId(id: string): Login | undefined {
    return this.#one('select * from login where id = ? and expires_at > ?', id)
  }

  end(id: string): void {
    this.#database.prepare('delete from login where id = ?').run(id)
  }

  /** Everywhere else: whoever knew the old password is out. */
  endOthersOf(userId: string, keptId: string): void {
    this.#database.prepare('delete from login where user = ? and id <> ?').run(userId, keptId)
  }

  endAllOf(userId: string): void {
    this.#database.prepare('delete from login where user = ?').run(userId)
  }

  #one(sql: string, value: string): Login | undefined {
    const row = this.#database.prepare(sql).get(value, this.#now())
    return (
      row && {
        id: String(row['id']),
        userId: String(row['user']),
        expiresAt: Number(row['expires_at']),
      }
    )
  }
}
