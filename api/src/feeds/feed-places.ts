/** How far each feed has come: durable, so that a start goes on there. Killed after a delivery and before this: it is sent again. */
import type { DatabaseSync } from 'node:sqlite'

export type FeedPlace = {
  readonly position: number
  readonly deliveredAt: string | null
  readonly failingSince: string | null
  readonly error: string | null
}

export class FeedPlaces {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** @param first where it begins when nothing was delivered yet */
  get(feedId: string, first: number): FeedPlace {
    const row = this.#database.prepare('select * from feed_place where feed = ?').get(feedId)
    if (!row) return { position: first, deliveredAt: null, failingSince: null, error: null }
    const text = (value: unknown) => (typeof value === 'string' ? value : null)
    return {
      position: Number(row['position']),
      deliveredAt: text(row['delivered_at']),
      failingSince: text(row['failing_since']),
      error: text(row['error']),
    }
  }

  set(feedId: string, { position, deliveredAt, failingSince, error }: FeedPlace): void {
    this.#database
      .prepare('insert or replace into feed_place values (?, ?, ?, ?, ?)')
      .run(feedId, position, deliveredAt, failingSince, error)
  }

  remove(feedId: string): void {
    this.#database.prepare('delete from feed_place where feed = ?').run(feedId)
  }
}
