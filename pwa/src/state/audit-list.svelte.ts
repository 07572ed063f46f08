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
    const { filter, page } = this
    this.error = undefined
    this.isLoading = true
    try {
      const query = queryOf(filter)
      if (page?.nextCursor !== undefined) query.set('cursor', page.nextCursor)
      const next =
        filter.tab === 'sessoes' ? await this.#sessions(query) : await this.#events(query)
      if (choice === this.#choices) this.shown = next
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (choice === this.#choices) this.error = error
    }
    if (choice === this.#choices) this.isLoading = false
  }

  async #sessions(query: URLSearchParams): Promise<Shown> {
    const next = await get<Page<Session>>(`/api/audit/sessions?limit=30&${query}`)
    return { sessions: { ...next, items: [...(this.shown.sessions?.items ?? []), ...next.items] } }
  }

  async #events(query: URLSearchParams): Promise<Shown> {
    const next = await get<Page<AuditEvent>>(`/api/audit/events?limit=50&${query}`)
    return { events: { ...next, items: [...(this.shown.events?.items ?? []), ...next.items] } }
  }
}
