/** What OctoPrint says of a machine, field by field as its documentation has it. */
import type { PrintingMachine } from './printing-machine.ts'

const serial = '/dev/ttyACM0'
const stateTexts = { printing: 'Printing', paused: 'Paused' } as const
const emergencyText = 'Closing serial port due to emergency stop M112.'

export const version = { api: '0.1', server: '1.10.2', text: 'OctoPrint 1.10.2' }

export function connection(machine: PrintingMachine, isConnected: boolean) {
  const current = { state: stateText(machine, isConnected), printerProfile: '_default' }
  const open = { port: serial, baudrate: 115_200 }
  const options = { ports: [serial], baudrates: [115_200, 250_000], portPreference: serial }
  return {
    current: { ...current, ...(isConnected ? open : { port: null, baudrate: null }) },
    options: { ...options, printerProfiles: [{ id: '_default', name: 'Padrão' }] },
  }
}

export function printer(machine: PrintingMachine) {
  const isPrinting = machine.phase === 'printing'
  const isPaused = machine.phase === 'paused'
  const flags = {
    ...{ operational: true, printing: isPrinting, paused: isPaused, ready: !machine.isActive },
    ...{ cancelling: false, pausing: false, resuming: false, finishing: false },
    ...{ sdReady: true, error: false, closedOrError: false },
  }
  return {
    temperature: {
      tool0: { ...machine.temperature('nozzle'), offset: 0 },
      bed: { ...machine.temperature('bed'), offset: 0 },
    },
    sd: { ready: true },
    state: { text: stateText(machine, true), flags },
  }
}

export function job(machine: PrintingMachine, isConnected: boolean) {
  const { file, jobSeconds, elapsedMs, progress, phase } = machine
  const stored = machine.files.get(file)
  const hasProgress = machine.isActive || phase === 'finished'
  const size = stored?.size ?? null
  return {
    job: {
      file: stored
        ? { name: nameOf(file), path: file, origin: 'local', size, date: stored.modifiedSeconds }
        : { name: null, path: null, origin: null, size: null, date: null },
      estimatedPrintTime: stored ? jobSeconds : null,
      filament: stored ? { tool0: { length: 810, volume: 5.36 } } : null,
    },
    progress: {
      completion: hasProgress ? progress * 100 : null,
      filepos: hasProgress ? Math.floor(progress * (size ?? 0)) : null,
      printTime: hasProgress ? Math.floor(elapsedMs / 1000) : null,
      printTimeLeft: hasProgress ? Math.ceil(jobSeconds - elapsedMs / 1000) : null,
      printTimeLeftOrigin: hasProgress ? 'linear' : null,
    },
    state: stateText(machine, isConnected),
    ...(phase === 'stopped' ? { error: emergencyText } : {}),
  }
}

type Entry = {
  readonly name: string
  readonly path: string
  readonly type: 'machinecode' | 'folder'
  readonly children?: Entry[]
}

/** One level of folders, as OctoPrint nests them. */
export function files(machine: PrintingMachine): { files: Entry[]; free: number; total: number } {
  const top: Entry[] = []
  for (const [path, { size, modifiedSeconds }] of machine.files) {
    const file = {
      ...{ name: nameOf(path), path, type: 'machinecode' as const, origin: 'local' },
      ...{ typePath: ['machinecode', 'gcode'], size, date: modifiedSeconds },
    }
    const folder = path.split('/').slice(0, -1).join('/')
    if (folder === '') top.push(file)
    else folderIn(top, folder).push(file)
  }
  return { files: top, free: 20_000_000_000, total: 30_000_000_000 }
}

function folderIn(top: Entry[], path: string): Entry[] {
  const known = top.find((entry) => entry.type === 'folder' && entry.path === path)
  if (known?.children) return known.children
  const children: Entry[] = []
  top.push({ name: nameOf(path), path, type: 'folder', children })
  return children
}

function stateText({ phase }: PrintingMachine, isConnected: boolean): string {
  if (phase === 'stopped') return 'Offline after error'
  if (!isConnected) return 'Offline'
  return phase === 'printing' || phase === 'paused' ? stateTexts[phase] : 'Operational'
}

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? path
}
