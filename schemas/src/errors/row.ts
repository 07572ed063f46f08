export type ErrorRow = {
  /** HTTP status of the API and of the gateway's own pages. */
  readonly status: number
  /** true: the same call may succeed later without a change by the caller. */
  readonly retry?: true
  readonly en: string
  readonly pt: string
}
