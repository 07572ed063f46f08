/** What a site lets its agent do, in words: a line a rule. */
import type { Opening, SitePolicy, Weekday } from '@travessia/schemas/site-policy'
import { m } from './paraglide/messages.js'
import { commandWord, safetyText } from './text.ts'

const order: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

export function ruleLines(rules: SitePolicy, locale: string): string[] {
  const { devices, methods, commands, safety, hours } = rules
  const line = (what: string, items: readonly string[] | undefined) =>
    items ? [`${what}: ${items.join(', ') || m.site_rules_nothing()}`] : []
  const zone = hours?.timeZone ?? m.site_rules_zone()
  const times = hours?.open.map((one) => openingText(one, locale))
  return [
    ...line(m.site_rules_devices(), devices),
    ...line(m.site_rules_methods(), methods),
    ...line(m.site_rules_commands(), commands?.map(commandWord)),
    ...line(
      m.site_rules_safety(),
      safety?.map((one) => safetyText[one]()),
    ),
    ...(times ? [`${m.site_rules_hours()}: ${times.join('; ')} (${zone})`] : []),
  ]
}

/** `seg.–sex. 07:00–19:00`. */
function openingText({ days, from, to }: Opening, locale: string): string {
  const indexes = days.map((day) => order.indexOf(day)).toSorted((a, b) => a - b)
  const [first = 0] = indexes
  const last = indexes.at(-1) ?? first
  const isRun = indexes.length > 2 && last - first === indexes.length - 1
  const names = isRun
    ? `${dayName(first, locale)}–${dayName(last, locale)}`
    : indexes.map((index) => dayName(index, locale)).join(', ')
  return `${names} ${from}–${to}`
}

/** 1 January 2024 was a Monday. */
function dayName(index: number, locale: string): string {
  const day = new Date(Date.UTC(2024, 0, 1 + index))
  return day.toLocaleDateString(locale, { weekday: 'short', timeZone: 'UTC' })
}
