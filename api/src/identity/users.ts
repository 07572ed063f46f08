/** People: e-mail, name, language, password hash. Who may do what is in the log (views/members.ts). */
import type { DatabaseSync } from 'node:sqlite'
import { type Language, TravessiaError } from '@travessia/schemas/errors'
import { erasedText } from '@travessia/schemas/personal'

type UserRow = {
  readonly id: string
  readonly tenantId: string
  readonly email: string
  readonly name: string
  readonly language: Language
  readonly password: string
  readonly isDisabled: boolean
}

export class Users {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** @throws TravessiaError EMAIL_TAKEN */
  add({ id, tenantId, email, name, language, password }: Omit<UserRow, 'isDisabled'>): void {
    if (this.byEmail(email)) throw new TravessiaError('EMAIL_TAKEN')
    this.#database
      .prepare('insert into user values (?, ?, ?, ?, ?, ?, 0)')
      .run(id, tenantId, normalEmail(email), name, language, password)
  }

  /** Its registration did not reach the log. */
  remove(id: string): void {
    this.#database.prepare('delete from user where id = ?').run(id)
  }

  byEmail(email: string): UserRow | undefined {
    return this.#one('select * from user where email = ?', normalEmail(email))
  }

  get(id: string): UserRow | undefined {
    return this.#one('select * from user where id = ?', id)
  }

  list(tenantId: string): UserRow[] {
    const sql = 'select * from user where tenant = ? order by name, id limit 1000'
    return this.#database.prepare(sql).all(tenantId).map(toUser)
  }

  change(id: string, { name, language }: { name?: string; language?: Language }): void {
    const sql =
      'update user set name = coalesce(?, name), language = coalesce(?, language) where id = ?'
    this.#database.prepare(sql).run(name ?? null, language ?? null, id)
  }

  setPassword(id: string, hash: string): void {
    this.#database.prepare('update user set password = ? where id = ?').run(hash, id)
  }

  setDisabled(id: string, isDisabled: boolean): void {
    this.#database.prepare('update user set disabled = ? where id = ?').run(Number(isDisabled), id)
  }

  /** Nothing of the person is left, and the address is free; the id stays, since the log has it. */
  erase(id: string): void {
    const sql = `update user set email = 'erased:' || id, name = ?, password = '', disabled = 1 where id = ?`
    this.#database.prepare(sql).run(erasedText, id)
  }

  /** For people to read. */
  nameOf(id: string, language: Language): string {
    const name = this.get(id)?.name ?? '?'
    return name === erasedText ? (language === 'en' ? 'erased' : 'apagado') : name
  }

  #one(sql: string, value: string): UserRow | undefined {
    const row = this.#database.prepare(sql).get(value)
    return row && toUser(row)
  }
}

function normalEmail(email: string): string {
  return email.trim().toLowerCase()
}

function toUser(row: Record<string, unknown>): UserRow {
  return {
    id: String(row['id']),
    tenantId: String(row['tenant']),
    email: String(row['email']),
    name: String(row['name']),
    language: row['language'] === 'en' ? 'en' : 'pt-BR',
    password: String(row['password']),
    isDisabled: row['disabled'] === 1,
  }
}
