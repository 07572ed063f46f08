/** The audit's list: what is chosen, and as much of it as was asked for. */
import type { AuditEvent, Session } from '@travessia/schemas/api'
import { ApiError, getFound, type Page } from '../api.ts'
import { type AuditFilter, queryOf } from '../audit-filter.ts'

type Shown = { readonly sessions?: Page<Session>; readonly events?: Page<AuditEvent> }

export class AuditList {
  filter = $state.raw<AuditFilter>() as AuditFilter
  shown = $state.raw<Shown>({})
  error = $state.raw<ApiError>()
  isLoading = $state(false)
  /** Counts the choices: an answer to an earlier one shows nothing. */
  #choices = 0
  /** How far the server has searched; kept when something goes wrong on the way. */
  #reached: string | undefined

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
    this.#reached = undefined
    void this.more()
  }

  /** Nobody waits for an answer any more. */
  leave(): void {
    this.#choices += 1
  }

  /** The first page, or the next one. */
  async more(): Promise<void> {
    const choice = this.#choices
    this.error = undefined
    this.isLoading = true
    try {
      const next = await this.#next((cursor) => {
        if (choice !== this.#choices) return false
        this.#reached = cursor
        return true
      })
      if (choice !== this.#choices) return
      this.shown = next
      this.#reached = undefined
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (choice === this.#choices) this.error = error
    }
    if (choice === this.#choices) this.isLoading = false
  }

  async #next(goesOn: (cursor: string) => boolean): Promise<Shown> {
    const { filter, shown } = this
    const { sessions, events } = shown
    if (filter.tab === 'sessoes')
      return { sessions: await this.#after('/api/audit/sessions?limit=30', sessions, goesOn) }
    return { events: await this.#after('/api/audit/events?limit=50', events, goesOn) }
  }

  async #after<T>(
    path: string,
    before: Page<T> | undefined,
    goesOn: (cursor: string) => boolean,
  ): Promise<Page<T>> {
    const query = queryOf(this.filter)
    const asked = query.size > 0 ? `${path}&${query}` : path
    const next = await getFound<T>(asked, goesOn, this.#reached ?? before?.nextCursor)
    return { ...next, items: [...(before?.items ?? []), ...next.items] }
  }
}
