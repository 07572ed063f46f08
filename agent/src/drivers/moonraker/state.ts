/** Klipper's objects in our vocabulary: first whether Klipper is ready, then what it prints. Pure. */
import type { DeviceState, DeviceStatus } from '@travessia/schemas/device-state'
import { type Fields, fieldsOf, listOf, numberOf, rounded, textOf } from '../answers.ts'

/** What is asked for, as `printer.objects.subscribe` takes it: only what is shown, as it changes all the time. */
export const objects = {
  webhooks: ['state', 'state_message'],
  print_stats: ['state', 'filename', 'print_duration', 'message', 'info'],
  virtual_sdcard: ['progress'],
  extruder: ['temperature', 'target'],
  extruder1: ['temperature', 'target'],
  heater_bed: ['temperature', 'target'],
} as const

const maxFiles = 200
const maxNameLength = 200
/** Below this share of a print its speed says nothing about its end. */
const minShare = 0.02
const sensors: Readonly<Record<string, string>> = {
  extruder: 'nozzle',
  extruder1: 'nozzle 2',
  heater_bed: 'bed',
}
const unready: Readonly<Record<string, DeviceStatus>> = {
  disconnected: 'disconnected',
  startup: 'disconnected',
  error: 'error',
}
const printStates: Readonly<Record<string, DeviceStatus>> = {
  standby: 'idle',
  printing: 'printing',
  paused: 'paused',
  complete: 'finished',
  cancelled: 'cancelled',
  error: 'error',
}
/** The other values stay after the end of a print: the state decides. */
const withJob: readonly DeviceStatus[] = ['printing', 'paused', 'finished']

export function stateOf(status: Fields): DeviceState {
  const { state, state_message: reason } = fieldsOf(status['webhooks'])
  if (state !== 'ready') return unreadyState(textOf(state), textOf(reason))
  const print = fieldsOf(status['print_stats'])
  const printState = textOf(print['state'])
  const known = Object.hasOwn(printStates, printState) ? printStates[printState] : undefined
  return {
    status: known ?? 'unknown',
    detail: textOf(print['message']) || printState,
    temperatures: temperaturesOf(status),
    ...(known && withJob.includes(known) ? { job: jobOf(status, print) } : {}),
  }
}

/** `notify_status_update` names only what changed. */
export function merged(status: Fields, delta: unknown): Fields {
  const changed = Object.entries(fieldsOf(delta)).map(([name, fields]) => [
    name,
    { ...fieldsOf(status[name]), ...fieldsOf(fields) },
  ])
  return { ...status, ...Object.fromEntries(changed) }
}

/** Newest first. */
export function filesOf(answer: unknown): string[] {
  return listOf(answer)
    .map(fieldsOf)
    .flatMap(({ path, modified }) =>
      typeof path === 'string' && path !== '' && path.length <= maxNameLength
        ? [{ path, modified: numberOf(modified) ?? 0 }]
        : [],
    )
    .sort((a, b) => b.modified - a.modified || a.path.localeCompare(b.path))
    .slice(0, maxFiles)
    .map(({ path }) => path)
}

/** `shutdown` is what Klipper does at an emergency stop, and at any fault of its boards. */
function unreadyState(state: string, reason: string): DeviceState {
  const detail = reason || state
  if (state !== 'shutdown') return { status: unready[state] ?? 'unknown', detail }
  const isAsked = /webhooks request|M112/i.test(reason)
  return { status: isAsked ? 'estop' : 'error', detail }
}

function jobOf(status: Fields, print: Fields): NonNullable<DeviceState['job']> {
  const share = numberOf(fieldsOf(status['virtual_sdcard'])['progress'])
  const printedSeconds = numberOf(print['print_duration']) ?? 0
  const isTelling = share !== undefined && share >= minShare && share <= 1
  const { current_layer: layer, total_layer: layers } = fieldsOf(print['info'])
  return {
    file: textOf(print['filename']),
    progress: share === undefined ? null : rounded(Math.min(1, Math.max(0, share)) * 100),
    secondsLeft: isTelling ? Math.max(0, Math.round(printedSeconds * (1 / share - 1))) : null,
    ...(Number.isInteger(layer) ? { layer: Number(layer) } : {}),
    ...(Number.isInteger(layers) ? { layers: Number(layers) } : {}),
  }
}

function temperaturesOf(status: Fields): NonNullable<DeviceState['temperatures']> {
  return Object.entries(sensors).flatMap(([name, sensor]) => {
    const { temperature, target } = fieldsOf(status[name])
    const actual = numberOf(temperature)
    if (actual === undefined) return []
    return [{ sensor, actual: rounded(actual), target: numberOf(target) || null }]
  })
}
