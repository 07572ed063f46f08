/** OctoPrint's answers in our vocabulary. Pure. */
import type { DeviceState, DeviceStatus } from '@travessia/schemas/device-state'
import { fieldsOf, listOf, numberOf, rounded, textOf } from '../answers.ts'

const maxFiles = 200
const maxNameLength = 200
const sensors: Readonly<Record<string, string>> = { tool0: 'nozzle', bed: 'bed' }
/** In this order: while it pauses or cancels, OctoPrint says `printing` too. */
const flagOrder: ReadonlyArray<readonly [flag: string, status: DeviceStatus]> = [
  ['error', 'error'],
  ['closedOrError', 'disconnected'],
  ['cancelling', 'finishing'],
  ['finishing', 'finishing'],
  ['pausing', 'printing'],
  ['paused', 'paused'],
  ['printing', 'printing'],
  ['ready', 'idle'],
]
const withJob: readonly DeviceStatus[] = ['printing', 'paused', 'finishing', 'finished']

/** @param printer of `/api/printer`; undefined: not connected. @param job of `/api/job`, which answers always */
export function stateOf(printer: unknown, job: unknown): DeviceState {
  if (printer === undefined) return unconnected(job)
  const { text, flags } = fieldsOf(fieldsOf(printer)['state'])
  const progress = progressOf(job)
  const flagged = statusOf(fieldsOf(flags))
  const status = flagged === 'idle' && progress === 100 ? 'finished' : flagged
  return {
    ...{ status, detail: textOf(text), temperatures: temperaturesOf(printer) },
    ...(withJob.includes(status) ? { job: jobOf(job, progress) } : {}),
  }
}

/** Paths of printable files on the printer's own storage, newest first. */
export function filesOf(answer: unknown): string[] {
  const found: Array<{ path: string; date: number }> = []
  const open = [...listOf(fieldsOf(answer)['files'])]
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    const { type, path, origin, date, children } = fieldsOf(entry)
    if (type === 'folder') open.push(...listOf(children))
    if (type !== 'machinecode' || origin !== 'local' || typeof path !== 'string') continue
    if (path.length <= maxNameLength) found.push({ path, date: numberOf(date) ?? 0 })
  }
  found.sort((a, b) => b.date - a.date || a.path.localeCompare(b.path))
  return found.slice(0, maxFiles).map(({ path }) => path)
}

/** After M112 OctoPrint closes its port, and only its error text says why. */
function unconnected(job: unknown): DeviceState {
  const { state, error } = fieldsOf(job)
  const detail = textOf(error) || textOf(state)
  const isError = /error/i.test(textOf(state)) || textOf(error) !== ''
  const status = /M112|emergency/i.test(detail) ? 'estop' : isError ? 'error' : 'disconnected'
  return { status, detail }
}

function statusOf(flags: Readonly<Record<string, unknown>>): DeviceStatus {
  return flagOrder.find(([flag]) => flags[flag] === true)?.[1] ?? 'unknown'
}

function jobOf(job: unknown, progress: number | null): NonNullable<DeviceState['job']> {
  const { path, name } = fieldsOf(fieldsOf(fieldsOf(job)['job'])['file'])
  const left = numberOf(fieldsOf(fieldsOf(job)['progress'])['printTimeLeft'])
  const secondsLeft = left === undefined ? null : Math.max(0, Math.round(left))
  return { file: textOf(path) || textOf(name), progress, secondsLeft }
}

/** `completion` is a percentage, the documentation's own example a fraction; the place in the file is neither. */
function progressOf(job: unknown): number | null {
  const { completion, filepos } = fieldsOf(fieldsOf(job)['progress'])
  const size = numberOf(fieldsOf(fieldsOf(fieldsOf(job)['job'])['file'])['size'])
  const [percent, place] = [numberOf(completion), numberOf(filepos)]
  const value = place !== undefined && size ? (place / size) * 100 : percent
  return value === undefined ? null : rounded(Math.min(100, Math.max(0, value)))
}

function temperaturesOf(printer: unknown): NonNullable<DeviceState['temperatures']> {
  return Object.entries(fieldsOf(fieldsOf(printer)['temperature']))
    .flatMap(([name, value]) => {
      const { actual, target } = fieldsOf(value)
      const celsius = numberOf(actual)
      if (celsius === undefined) return []
      const sensor = (sensors[name] ?? name).slice(0, 40)
      return [{ sensor, actual: rounded(celsius), target: numberOf(target) || null }]
    })
    .slice(0, 16)
}
