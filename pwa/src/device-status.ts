/** Words and colours for what a device is now, and which commands fit it (the agent decides again). */
import type { CommandName } from '@travessia/schemas/commands'
import { detailOf } from '@travessia/schemas/device-detail'
import type { DeviceState, DeviceStatus } from '@travessia/schemas/device-state'
import { m } from './paraglide/messages.js'

type Tone = 'good' | 'warn' | 'bad'

export const deviceStatusText: Record<DeviceStatus, () => string> = {
  online: m.status_online,
  offline: m.status_offline,
  unknown: m.device_unknown,
  disconnected: m.device_disconnected,
  idle: m.device_idle,
  preparing: m.device_preparing,
  printing: m.device_printing,
  paused: m.device_paused,
  finishing: m.device_finishing,
  finished: m.device_finished,
  cancelled: m.device_cancelled,
  error: m.device_error,
  estop: m.device_estop,
  locked: m.device_locked,
  released: m.device_released,
  emergency: m.device_emergency,
}

const good: readonly DeviceStatus[] = [
  'online',
  'idle',
  'printing',
  'finished',
  'locked',
  'released',
]
const bad: readonly DeviceStatus[] = ['offline', 'disconnected', 'error', 'estop', 'emergency']

export function toneOf(status: DeviceStatus): Tone {
  if (good.includes(status)) return 'good'
  return bad.includes(status) ? 'bad' : 'warn'
}

/** Of an absent one only the agent speaks. */
export function ownWordOf(state: DeviceState): string | undefined {
  return state.status === 'offline' ? undefined : detailOf(state)
}

const heatable: readonly DeviceStatus[] = [
  ...(['idle', 'preparing', 'printing', 'paused', 'finishing', 'finished', 'cancelled'] as const),
]
const fits: Partial<Record<CommandName, readonly DeviceStatus[]>> = {
  StartPrint: ['idle', 'finished', 'cancelled', 'error'],
  PausePrint: ['printing'],
  ResumePrint: ['paused'],
  CancelPrint: ['preparing', 'printing', 'paused'],
  SetTemperature: heatable,
}

/** Commands that need no certain state always fit; the others only where they can do something. */
export function fitsState(command: CommandName, status: DeviceStatus | undefined): boolean {
  const from = fits[command]
  return from === undefined || (status !== undefined && from.includes(status))
}

const staleMs = 90_000

/** Agents say the state again each minute, so an older one may have changed. */
export function isStale(at: string, nowMs: number): boolean {
  return nowMs - Date.parse(at) > staleMs
}
