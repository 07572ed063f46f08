/** What Moonraker and Klipper say of a machine, field by field as their documentation has it. */
import { type Answer, type Fields, json } from './device-server.ts'
import type { Phase, PrintingMachine } from './printing-machine.ts'

export type KlippyState = 'ready' | 'startup' | 'shutdown' | 'error' | 'disconnected'

const printStates: Readonly<Record<Phase, string>> = {
  ...{ idle: 'standby', printing: 'printing', paused: 'paused' },
  ...{ finished: 'complete', cancelled: 'cancelled', stopped: 'error' },
}
const layers = 120
const messages: Readonly<Record<KlippyState, string>> = {
  ready: 'Printer is ready',
  startup: 'Printer is not ready',
  shutdown:
    'Shutdown due to webhooks request\nOnce the underlying issue is corrected, use the FIRMWARE_RESTART command',
  error: "mcu 'mcu': Unable to connect",
  disconnected: '',
}

export function serverInfo(state: KlippyState, connections: number) {
  return {
    ...{ klippy_connected: state !== 'disconnected', klippy_state: state, warnings: [] },
    components: ['server', 'file_manager', 'klippy_apis', 'webcam'],
    ...{ registered_directories: ['config', 'logs', 'gcodes'], failed_components: [] },
    ...{ websocket_count: connections, moonraker_version: 'v0.9.3-120', api_version: [1, 5, 0] },
    api_version_string: '1.5.0',
  }
}

export function printerInfo(state: KlippyState) {
  const hostname = 'impressora'
  return {
    state,
    state_message: messages[state],
    hostname,
    software_version: 'v0.13.0',
    cpu_info: '',
  }
}

export function objectsOf(machine: PrintingMachine, state: KlippyState): Record<string, Fields> {
  const { phase, progress, file, elapsedMs } = machine
  const seconds = elapsedMs / 1000
  const heater = (name: 'nozzle' | 'bed') => {
    const { actual, target } = machine.temperature(name)
    return { temperature: actual, target, power: target > actual ? 1 : 0 }
  }
  return {
    webhooks: { state, state_message: messages[state] },
    print_stats: {
      ...{ state: printStates[phase], filename: file, message: '', filament_used: seconds * 3 },
      ...{ total_duration: seconds, print_duration: seconds },
      info: { total_layer: layers, current_layer: Math.floor(progress * layers) },
    },
    virtual_sdcard: { progress, is_active: phase === 'printing', file_position: 0 },
    display_status: { progress, message: null },
    pause_resume: { is_paused: phase === 'paused' },
    toolhead: { homed_axes: 'xyz' },
    extruder: heater('nozzle'),
    heater_bed: heater('bed'),
  }
}

/** Only what was asked for: `null` is all fields; an object that Klipper does not have is empty. */
export function selected(all: Record<string, Fields>, wanted: Fields): Record<string, Fields> {
  return Object.fromEntries(
    Object.entries(wanted).map(([name, names]) => {
      const fields = Object.entries(all[name] ?? {})
      const isWanted = (field: string) => !Array.isArray(names) || names.includes(field)
      return [name, Object.fromEntries(fields.filter(([field]) => isWanted(field)))]
    }),
  )
}

/** Fields that are not as they were, of the objects that have any. */
export function changes(before: Record<string, Fields>, now: Record<string, Fields>) {
  const changed = Object.entries(now).map(([name, fields]) => {
    const differs = ([field, value]: [string, unknown]) =>
      JSON.stringify(before[name]?.[field]) !== JSON.stringify(value)
    return [name, Object.fromEntries(Object.entries(fields).filter(differs))] as const
  })
  return Object.fromEntries(changed.filter(([, fields]) => Object.keys(fields).length > 0))
}

export function fileList(machine: PrintingMachine) {
  return [...machine.files].map(([path, { size, modifiedSeconds }]) => ({
    ...{ path, modified: modifiedSeconds, size, permissions: 'rw' },
  }))
}

export type Uploaded = { readonly path: string; readonly size: number }

/** Not inside of `result`, unlike every other answer. */
export function uploaded({ path, size }: Uploaded): Answer {
  const item = { path, root: 'gcodes', modified: Date.now() / 1000, size, permissions: 'rw' }
  const started = { print_started: false, print_queued: false }
  return json({ item, ...started, action: 'create_file' }, 201)
}

/** An HTTP status with Moonraker's words for it. */
export class RpcFault extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function failure(error: unknown): Answer {
  const { status, message } = faultOf(error)
  return json({ error: { code: status, message, traceback: '' } }, status)
}

/** Moonraker gives these two JSON-RPC's own codes. */
export function rpcErrorOf(error: unknown): { code: number; message: string } {
  const { status, message } = faultOf(error)
  const codes: Readonly<Record<number, number>> = { 404: -32_601, 401: -32_602 }
  return { code: codes[status] ?? status, message }
}

function faultOf(error: unknown): RpcFault {
  return error instanceof RpcFault ? error : new RpcFault(500, String(error))
}
