/** Which positions the events of each hour of a tenant have: from a time to a place in the log, in whatever order the times are. */

type Hour = {
  readonly tenantKey: number
  readonly hour: string
  readonly first: number
  last: number
}

/** Tenant, hour, first and last position. */
export const hourStatement = `insert into event_hour values (?, ?, ?, ?) on conflict (tenant_key, hour) do update set
  first_position = case when excluded.first_position < event_hour.first_position
    then excluded.first_position else event_hour.first_position end,
  last_position = case when excluded.last_position > event_hour.last_position
    then excluded.last_position else event_hour.last_position end`

/** Those of one batch, in whose transaction they are written. */
export class Hours {
  readonly #hours = new Map<string, Hour>()

  /** In the order of the log. */
  note(tenantKey: number, at: string, position: number): void {
    const hour = at.slice(0, 13)
    const known = this.#hours.get(`${tenantKey} ${hour}`)
    if (known) known.last = position
    else
      this.#hours.set(`${tenantKey} ${hour}`, { tenantKey, hour, first: position, last: position })
  }

  all(): Iterable<Hour> {
    return this.#hours.values()
  }
}
