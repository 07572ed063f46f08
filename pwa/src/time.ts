/** Times as people read them, in the language of the interface. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** `15 s`: the largest whole unit since a moment; symbols that read the same in both languages. */
export function age(time: string, nowMs: number): string {
  const passed = Math.max(0, nowMs - Date.parse(time))
  const [unit, size] = units.find(([, one]) => passed >= one) ?? (['s', 1_000] as const)
  return `${Math.floor(passed / size)} ${unit}`
}

export function clockTime(time: string, locale: string): string {
  return new Date(time).toLocaleTimeString(locale)
}

export function hourMinute(atMs: number, locale: string): string {
  return new Date(atMs).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' })
}

/** `24/11 14:32`, or only the time when it is today. */
export function shortTime(time: string, nowMs: number, locale: string): string {
  const [at, now] = [new Date(time), new Date(nowMs)]
  const isToday = at.toDateString() === now.toDateString()
  const day = isToday ? {} : ({ day: '2-digit', month: '2-digit' } as const)
  return at.toLocaleString(locale, { ...day, hour: '2-digit', minute: '2-digit' })
}

export function dateTime(time: string, locale: string): string {
  return new Date(time).toLocaleString(locale, { dateStyle: 'short', timeStyle: 'medium' })
}

/** `9:05` until a moment; `0:00` after it. */
export function countdown(until: string, nowMs: number): string {
  const seconds = Math.max(0, Math.ceil((Date.parse(until) - nowMs) / 1000))
  const rest = String(seconds % 60).padStart(2, '0')
  return `${Math.floor(seconds / 60)}:${rest}`
}

/** `1 h 12 min`, `5 min`, `40 s`: how long something still takes. */
export function duration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`
}

/** `America/Sao_Paulo (GMT-3)`: the zone of all these times, with its offset at that moment. */
export function zoneOf(time: string, locale: string): string {
  const format = new Intl.DateTimeFormat(locale, { timeZoneName: 'shortOffset' })
  const parts = format.formatToParts(new Date(time))
  const offset = parts.find(({ type }) => type === 'timeZoneName')?.value
  return `${format.resolvedOptions().timeZone} (${offset})`
}
