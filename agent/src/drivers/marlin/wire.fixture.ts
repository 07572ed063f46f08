/** A simulated printer on a wire without an operating system between. */
import { MarlinBoard } from '../../simulators/marlin-board.ts'
import type { CommandContext } from '../driver.ts'
import { createDriver } from './driver.ts'
import { type OpenPort, type PortEvents, PortFault } from './port.ts'

export const baseUrl = 'serial:///dev/ttyUSB0'

export function wiredPrinter(options: { busyMs?: number; now?: () => number } = {}) {
  const written: string[] = []
  let events: PortEvents | undefined
  let fault: PortFault | undefined
  let openings = 0
  let isBroken = false
  const board = new MarlinBoard({
    write: (text) => {
      const listener = events
      queueMicrotask(() => {
        if (listener === events) listener?.data(Buffer.from(text))
      })
    },
    ...options,
  })
  const open: OpenPort = async (_address, given) => {
    openings += 1
    if (fault) throw fault
    if (events) throw new PortFault('SERIAL_BUSY')
    events = given
    return {
      write: async (text) => {
        if (isBroken) throw new Error('EIO')
        written.push(text)
        board.receive(Buffer.from(text))
      },
      close: async () => {
        events = undefined
      },
    }
  }
  return {
    ...{ board, written, driver: createDriver({ baseUrl }, open) },
    openings: () => openings,
    isOpen: () => events !== undefined,
    refuse: (next: PortFault | undefined) => {
      fault = next
    },
    breakWrites: () => {
      isBroken = true
    },
    unplug: () => {
      const listener = events
      events = undefined
      listener?.gone()
    },
  }
}

export type WiredPrinter = ReturnType<typeof wiredPrinter>

export function context(other: Partial<CommandContext> = {}): CommandContext {
  const signal = new AbortController().signal
  return { commandId: 'test', startWithinMs: () => 5_000, signal, ...other }
}
