/**
 * A serial port of this host. `serialport` is optional: an agent without it runs, and says `missing` here.
 * The port is shared with nobody (a lock), and nothing here ever touches DTR: on most boards its edge is the reset
 * button, and a reset ends a print. Linux itself raises DTR in open(), which no program can forbid; `hupcl: false`
 * leaves it raised at close, so that only the very first open after plugging in can be such an edge.
 */
import { writeSync } from 'node:fs'
import { serialUrlPattern } from '@travessia/schemas/devices'

const defaultBaud = 115_200

/** Why nothing was sent. */
export class PortFault extends Error {
  override readonly name = 'PortFault'
  readonly reason: 'missing' | 'busy' | 'absent' | 'forbidden' | 'broken'

  constructor(reason: PortFault['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

export type SerialAddress = { readonly path: string; readonly baudRate: number }

export type OpenedPort = {
  /** The system takes it within this call, where it can: what waits here for a thread or a full port would leave late. */
  write(text: string): Promise<void>
  close(): Promise<void>
}

export type PortEvents = {
  readonly data: (chunk: Uint8Array) => void
  /** Once, when the other side is gone; not after `close`. */
  readonly gone: () => void
}

export type OpenPort = (address: SerialAddress, events: PortEvents) => Promise<OpenedPort>

const serialUrl = new RegExp(`^${serialUrlPattern}$`)

/** `serial:///dev/ttyUSB0?baud=250000`; undefined when it is no such address. */
export function serialAddressOf(baseUrl: string): SerialAddress | undefined {
  if (!serialUrl.test(baseUrl)) return undefined
  const { pathname, searchParams } = new URL(baseUrl)
  return { path: pathname, baudRate: Number(searchParams.get('baud') ?? defaultBaud) }
}

/** @throws PortFault */
export const openPort: OpenPort = async (address, events) => {
  const { SerialPort } = await import('serialport').catch(() => {
    throw new PortFault('missing', 'serial ports need the package "serialport" beside the agent')
  })
  const port = new SerialPort({ ...address, hupcl: false, autoOpen: false })
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error ? reject(faultOf(error, address.path)) : resolve()))
  })
  let isClosed = false
  port.on('data', events.data)
  port.on('error', () => undefined)
  port.once('close', () => {
    if (!isClosed) events.gone()
    isClosed = true
  })
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        const bytes = Buffer.from(text)
        const taken = takenAtOnce(port.port, bytes)
        if (taken === bytes.length) return resolve()
        port.write(bytes.subarray(taken), (error) => (error ? reject(error) : resolve()))
      }),
    close: async () => {
      if (isClosed) return
      isClosed = true
      await new Promise<void>((resolve) => port.close(() => resolve()))
    },
  }
}

/** @returns how many; on Windows a port has no descriptor. @throws what the system says, EAGAIN of a port that takes nothing */
function takenAtOnce(opened: object | undefined, bytes: Uint8Array): number {
  const fd = opened && 'fd' in opened ? opened.fd : undefined
  return typeof fd === 'number' && process.platform !== 'win32' ? writeSync(fd, bytes) : 0
}

/** The system's words (Linux, macOS, Windows) in ours. */
function faultOf({ message }: Error, path: string): PortFault {
  if (/cannot lock|temporarily unavailable|resource busy|access denied/i.test(message))
    return new PortFault('busy', 'port in use by another program')
  if (/no such (file|device)|file not found|not configured/i.test(message))
    return new PortFault('absent', `nothing is plugged in at ${path}`)
  if (/permission denied/i.test(message))
    return new PortFault(
      'forbidden',
      `no permission for ${path}: the user must be in group dialout`,
    )
  return new PortFault('broken', `${path} is not a usable serial port`)
}
