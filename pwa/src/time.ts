/** Times as people read them, in the language of the interface. */

const units: ReadonlyArray<readonly [Intl.RelativeTimeFormatUnit, number]> = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
]

/** `há 15 s` */
export function ago(time: string, nowMs: number, locale: string): string {
  const passed = Math.max(0, nowMs - Date.parse(time))
  const [unit, size] = units.find(([, size]) => passed >= size) ?? (['second', 1_000] as const)
  const format = new Intl.RelativeTimeFormat(locale, { style: 'narrow', numeric: 'always' })
  return format.format(-Math.floor(passed / size), unit)
}

export function clockTime(time: string, locale: string): string {
  return new Date(time).toLocaleTimeString(locale)
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
