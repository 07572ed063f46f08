/** What the audit's list shows, as its address says it, and as the API is asked for it. Pure. */
const auditTabs = ['sessoes', 'eventos'] as const
type AuditTab = (typeof auditTabs)[number]

/** Empty: no such filter. Times are ISO UTC. */
export type AuditFilter = {
  readonly tab: AuditTab
  readonly kind: string
  readonly type: string
  readonly userId: string
  readonly installationId: string
  readonly deviceId: string
  readonly from: string
  readonly to: string
  readonly activeAt: string
  /** `true`: sessions with something missing in their recording. */
  readonly hasGaps: string
}

/** Names in the address, in the language of the other addresses. */
const names = {
  kind: 'tipo',
  type: 'evento',
  userId: 'pessoa',
  installationId: 'instalacao',
  deviceId: 'equipamento',
  from: 'de',
  to: 'ate',
  activeAt: 'ativa',
  hasGaps: 'lacunas',
} as const
type Key = keyof typeof names
const keys = Object.keys(names) as Key[]
const times: readonly Key[] = ['from', 'to', 'activeAt']
const onlyOf: Readonly<Partial<Record<Key, AuditTab>>> = {
  kind: 'eventos',
  type: 'eventos',
  activeAt: 'sessoes',
  hasGaps: 'sessoes',
}

export function filterOf(search: string): AuditFilter {
  const query = new URLSearchParams(search)
  const tab = auditTabs.find((one) => one === query.get('ver')) ?? 'sessoes'
  const values = keys.map((key) => {
    const value = query.get(names[key]) ?? ''
    return [key, isKnown(key, value) ? value : '']
  })
  return { tab, ...Object.fromEntries(values) }
}

function isKnown(key: Key, value: string): boolean {
  if (key === 'hasGaps') return value === 'true'
  return !times.includes(key) || !Number.isNaN(Date.parse(value))
}

export function searchOf(filter: AuditFilter): string {
  const query = new URLSearchParams({ ver: filter.tab })
  for (const key of keys) if (filter[key] !== '') query.set(names[key], filter[key])
  return `?${query}`
}

/** What narrows the list that is shown now. */
export function activeKeys(filter: AuditFilter): Key[] {
  return keys.filter((key) => filter[key] !== '' && (onlyOf[key] ?? filter.tab) === filter.tab)
}

export function cleared({ tab }: AuditFilter): AuditFilter {
  return filterOf(`?ver=${tab}`)
}

/** For the list's own route. */
export function queryOf(filter: AuditFilter): URLSearchParams {
  return new URLSearchParams(activeKeys(filter).map((key) => [key, filter[key]]))
}

/** Sessions cannot be exported as such: their events are, or the events of the same filter where no moment or gap chooses them. */
export function exportOf(filter: AuditFilter, format: string): string {
  const query = queryOf(filter)
  return `/api/audit/export?format=${format}${query.size > 0 ? `&${query}` : ''}`
}

/** As `<input type="datetime-local">` has it, in the reader's time zone; and back. */
export function localOf(iso: string): string {
  if (iso === '') return ''
  const at = new Date(iso)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** @param isEnd the whole of that minute is meant */
export function isoOf(local: string, isEnd = false): string {
  const at = Date.parse(local)
  return Number.isNaN(at) ? '' : new Date(at + (isEnd ? 59_999 : 0)).toISOString()
}
