/**
 * Rows that were read once and have not changed since: each request of a page asks for the same two. Whoever applies
 * an event forgets first; one synchronous turn lies between that and the commit, so nobody reads in between.
 */

const maxRows = 10_000

export class Memory<Row> {
  readonly #rows = new Map<string, Row>()

  /** @param read is asked when nothing is known; what is not there is asked for again each time */
  get(tenantId: string, id: string, read: () => Row | undefined): Row | undefined {
    const key = `${tenantId} ${id}`
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const row = read()
    if (row === undefined) return undefined
    if (this.#rows.size >= maxRows) this.#rows.clear()
    this.#rows.set(key, row)
    return row
  }

  forget(tenantId: string, id: string): void {
    this.#rows.delete(`${tenantId} ${id}`)
  }

  clear(): void {
    this.#rows.clear()
  }
}
