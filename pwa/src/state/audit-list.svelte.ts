/** The audit's list: what is chosen, and as much of it as was asked for. */
import type { AuditEvent, Session } from '@travessia/schemas/api'
import { ApiError, get } from '../api.ts'
import { type AuditFilter, queryOf } from '../audit-filter.ts'

type Page<T> = { readonly items: readonly T[]; readonly nextCursor?: string }
type Shown = { readonly sessions?: Page<Session>; readonly events?: Page<AuditEvent> }

export class AuditList {
  filter = $state.raw<AuditFilter>() as AuditFilter
  shown = $state.raw<Shown>({})
  error = $state.raw<ApiError>()
  isLoading = $state(false)
  /** Counts the choices: an answer to an earlier one shows nothing. */
  #choices = 0

  constructor(filter: AuditFilter) {
    this.choose(filter)
  }

  get page(): Page<unknown> | undefined {
    return this.filter.tab === 'sessoes' ? this.shown.sessions : this.shown.events
  }

  choose(filter: AuditFilter): void {
    this.filter = filter
    this.shown = {}
    this.#choices += 1
    void this.more()
  }

  /** The first page, or the next one. */
  async more(): Promise<void> {
    const choice = this.#choices
    this.error = undefined
    this.isLoading = true
    try {
      const next = await this.#next(() => choice === this.#choices)
      if (choice === this.#choices) this.shown = next
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (choice === this.#choices) this.error = error
    }
    if (choice === this.#choices) this.isLoading = false
  }

  async #next(isWanted: () => boolean): Promise<Shown> {
    const { filter, shown } = this
    const { sessions, events } = shown
    if (filter.tab === 'sessoes')
      return { sessions: await this.#after('/api/audit/sessions?limit=30', sessions, isWanted) }
    return { events: await this.#after('/api/audit/events?limit=50', events, isWanted) }
  }

  /** A page without items that is not the last one: the server has searched so far, in a log that is long. */
  async #after<T>(
    path: string,
    before: Page<T> | undefined,
    isWanted: () => boolean,
  ): Promise<Page<T>> {
    const query = queryOf(this.filter)
    let cursor = before?.nextCursor
    for (;;) {
      if (cursor !== undefined) query.set('cursor', cursor)
      const next = await get<Page<T>>(`${path}&${query}`)
      cursor = next.nextCursor
      if (next.items.length > 0 || cursor === undefined || !isWanted())
        return { ...next, items: [...(before?.items ?? []), ...next.items] }
    }
  }
}
