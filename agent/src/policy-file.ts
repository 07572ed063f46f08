/** The policy as its author wrote it: read once, at pairing, with a sentence for each thing that is wrong. */
import { readFileSync } from 'node:fs'
import { commandNames, safetyClasses } from '@travessia/schemas/commands'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import {
  policyMethods,
  type SitePolicy,
  sitePolicySchema,
  timePattern,
  weekdays,
} from '@travessia/schemas/site-policy'

const maxFileBytes = 64 * 1024
const isSitePolicy = compile(sitePolicySchema)
const time = new RegExp(timePattern)
const address = /^(\/dev\/[\w./:@+-]+|\[[0-9a-f:.]+\](:\d{1,5})?|[A-Za-z0-9.-]+(:\d{1,5})?)$/
const known: Readonly<Record<string, readonly string[]>> = {
  ...{ methods: policyMethods, commands: commandNames, safety: safetyClasses },
}
const rules = ['devices', ...Object.keys(known), 'hours']

/** @throws TravessiaError CONFIG_INVALID with every problem of the file */
export function readPolicyFile(path: string): SitePolicy {
  let value: unknown
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > maxFileBytes) throw new RangeError(`larger than ${maxFileBytes} bytes`)
    value = JSON.parse(text)
  } catch (cause) {
    const problem = `${path} cannot be read as JSON: ${(cause as Error).message}.`
    throw new TravessiaError('CONFIG_INVALID', { problem }, { cause })
  }
  const problems = problemsOf(value)
  if (problems.length === 0 && isSitePolicy(value)) return value
  if (problems.length === 0) problems.push('A list has more than 100 entries.')
  throw new TravessiaError('CONFIG_INVALID', { problem: [`${path}:`, ...problems].join('\n  ') })
}

/** One sentence each. */
export function problemsOf(value: unknown): string[] {
  if (!isRecord(value)) return ['The policy must be an object of rules.']
  const unknown = Object.keys(value)
    .filter((key) => !rules.includes(key))
    .map((key) => `"${key}" is no rule; there are ${rules.join(', ')}.`)
  const lists = Object.entries(known).flatMap(([key, items]) =>
    key in value ? listProblems(key, value[key], items) : [],
  )
  return [
    ...unknown,
    ...('devices' in value ? deviceProblems(value['devices']) : []),
    ...lists,
    ...('hours' in value ? hourProblems(value['hours']) : []),
  ]
}

function listProblems(key: string, value: unknown, items: readonly string[]): string[] {
  if (!Array.isArray(value)) return [`"${key}" must be a list.`]
  const wrong = value.filter((item) => !items.includes(item))
  const twice = new Set(value).size < value.length ? [`"${key}" names something twice.`] : []
  return [
    ...wrong.map((item) => `"${key}": ${say(item)} is not one of ${items.join(', ')}.`),
    ...twice,
  ]
}

function deviceProblems(value: unknown): string[] {
  if (!Array.isArray(value)) return ['"devices" must be a list.']
  const wrong = value.filter((item) => typeof item !== 'string' || !address.test(item))
  const twice = new Set(value).size < value.length ? ['"devices" names something twice.'] : []
  const form = 'is no address such as 192.168.1.50, 192.168.1.50:8080 or /dev/ttyUSB0.'
  return [...wrong.map((item) => `"devices": ${say(item)} ${form}`), ...twice]
}

function hourProblems(value: unknown): string[] {
  if (!isRecord(value)) return ['"hours" must be an object with "open" and perhaps "timeZone".']
  const { timeZone, open, ...others } = value
  return [
    ...Object.keys(others).map((key) => `"hours" knows no "${key}", only "open" and "timeZone".`),
    ...(timeZone === undefined || isTimeZone(timeZone)
      ? []
      : [`"hours.timeZone": ${say(timeZone)} is no time zone such as America/Sao_Paulo.`]),
    ...(Array.isArray(open) && open.length > 0
      ? open.flatMap((opening, index) => openingProblems(opening, `"hours.open[${index}]"`))
      : ['"hours.open" must be a list with at least one entry.']),
  ]
}

function openingProblems(value: unknown, where: string): string[] {
  if (!isRecord(value)) return [`${where} must be an object with "days", "from" and "to".`]
  const { days, from, to, ...others } = value
  const isTime = (text: unknown) => typeof text === 'string' && time.test(text)
  const isSet = Array.isArray(days) && days.length > 0 && new Set(days).size === days.length
  const areDays = isSet && days.every(isWeekday)
  return [
    ...Object.keys(others).map((key) => `${where} knows no "${key}".`),
    ...(areDays ? [] : [`${where}: "days" must be a list of ${weekdays.join(', ')}.`]),
    ...(isTime(from) ? [] : [`${where}: "from" must be a time such as 07:30.`]),
    ...(isTime(to) || to === '24:00' ? [] : [`${where}: "to" must be a time such as 18:00.`]),
    ...(from === to ? [`${where}: "from" and "to" are the same; 00:00 to 24:00 is all day.`] : []),
  ]
}

function isWeekday(value: unknown): boolean {
  return (weekdays as readonly unknown[]).includes(value)
}

function isTimeZone(value: unknown): boolean {
  try {
    return typeof value === 'string' && new Intl.DateTimeFormat('en', { timeZone: value }) !== null
  } catch {
    return false
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function say(value: unknown): string {
  return JSON.stringify(value)
}
