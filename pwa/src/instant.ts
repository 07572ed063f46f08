/** An instant as the address, the day's slider and the input have it. Pure. */
export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
/** Whoever types a year passes by the year 2. */
const earliestMs = Date.UTC(2000)

/** `?at=`, any ISO time; else now, what happened in this very second included. */
export function instantOf(search: string, nowMs: number): number {
  const at = Date.parse(new URLSearchParams(search).get('at') ?? '')
  return at >= earliestMs ? at : nowMs
}

/** @returns the address of an instant; one of a recording lies between two milliseconds */
export function pastHref(atMs: number): string {
  return `/auditoria/passado?at=${new Date(Math.ceil(atMs)).toISOString()}`
}

/** As far as it has come: its first millisecond, and now or its last one; of 23 to 25 hours, in the reader's time zone. */
export function dayOf(atMs: number, nowMs: number): { fromMs: number; toMs: number } {
  const at = new Date(atMs)
  const [year, month, day] = [at.getFullYear(), at.getMonth(), at.getDate()]
  const fromMs = new Date(year, month, day).getTime()
  const toMs = new Date(year, month, day + 1).getTime() - 1
  return { fromMs, toMs: fromMs <= nowMs ? Math.min(toMs, nowMs) : toMs }
}

/** As `<input type="datetime-local" step="1">` has it; and back, undefined while it is none. */
export function localSeconds(atMs: number): string {
  const offsetMs = new Date(atMs).getTimezoneOffset() * minuteMs
  return new Date(atMs - offsetMs).toISOString().slice(0, 19)
}

export function instantFrom(local: string): number | undefined {
  const at = Date.parse(local)
  return at >= earliestMs ? at : undefined
}
