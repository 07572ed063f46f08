/** Whom a Control iD device tells what happens, and what of that is for us. */
import { fieldsOf, idOf, parsedExactly } from '../answers.ts'

const aliveMs = 30_000
/** Without a word for so long it does not tell us (any more). */
export const silentMs = 2.5 * aliveMs

type MonitorSettings = Readonly<Record<string, string>>
type Heard = 'nothing' | 'alive' | 'happened' | 'not ours'

const happened: ReadonlySet<string> = new Set([
  ...['dao', 'catra_event', 'door', 'secbox', 'operation_mode'],
])

export function settingsFor(inlet: { hostname: string; port: number }, path: string) {
  return {
    ...{ hostname: inlet.hostname, port: String(inlet.port), path },
    ...{ request_timeout: '5000', alive_interval: String(aliveMs), inform_access_event_id: '1' },
  } satisfies MonitorSettings
}

/**
 * `leave`: it tells another server, which is its owner's choice. Ours is what has our path, or what an agent at this very
 * address has set that has lost its memory.
 */
export function planMonitor(
  current: Readonly<Record<string, unknown>>,
  wanted: MonitorSettings,
): 'keep' | 'set' | 'leave' {
  const hostname = String(current['hostname'] ?? '')
  const path = String(current['path'] ?? '').replaceAll(/^\/|\/$/g, '')
  const isFree = hostname === ''
  const isEarlier = hostname === wanted['hostname'] && /^travessia\/[a-z0-9]{26}$/.test(path)
  if (!isFree && path !== wanted['path'] && !isEarlier) return 'leave'
  const isSet = Object.entries({ ...wanted, path: '' }).every(
    ([name, value]) => name === 'path' || String(current[name] ?? '') === value,
  )
  return isSet && path === wanted['path'] ? 'keep' : 'set'
}

/** A message at our path. Only `secbox` comes without the id of its device. */
export function heardOf(name: string, body: string, deviceId: string): Heard {
  if (!happened.has(name) && name !== 'device_is_alive') return 'nothing'
  const said = fieldsOf(parsedExactly(body))['device_id']
  const isUnnamed = said === undefined && name === 'secbox'
  if (!isUnnamed && idOf(said) !== deviceId) return 'not ours'
  return happened.has(name) ? 'happened' : 'alive'
}
