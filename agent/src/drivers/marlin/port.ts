/**
 * A serial port of this host. `serialport` is optional: an agent without it runs, and says `missing` here.
 * The port is shared with nobody (a lock), and nothing here ever touches DTR: on most boards its edge is the reset
 * button, and a reset ends a print. Linux itself raises DTR in open(), which no program can forbid; `hupcl: false`
 * leaves it raised at close, so that only the very first open after plugging in can be such an edge.
 */
import { writeSync } from 'node:fs'
import { serialUrlPattern } from '@travessia/schemas/devices'
import type { ErrorCode } from '@travessia/schemas/errors'
import type { SerialPort } from 'serialport'

const defaultBaud = 115_200

/** Why nothing was sent. */
export class PortFault extends Error {
  override readonly name = 'PortFault'
  readonly code: Extract<ErrorCode, `SERIAL_${string}` | 'TUNNEL_BUSY'>

  constructor(code: PortFault['code'], options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

export type SerialAddress = { readonly path: string; readonly baudRate: number }

export type OpenedPort = {
  /**
   * The system takes a line within this call or not at all: what waits here for a thread or a full port would leave late.
   * A line that it took in part cannot be taken back, so it counts as sent; its end goes before whatever goes next.
   * @throws PortFault TUNNEL_BUSY: no byte of this line was taken, and none is kept
   */
  write(line: string): Promise<void>
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
  const serialport = await import('serialport').catch(() => {
    throw new PortFault('SERIAL_MISSING')
  })
  const port = new serialport.SerialPort({ ...address, hupcl: false, autoOpen: false })
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error ? reject(faultOf(error)) : resolve()))
  })
  let isClosed = false
  port.on('data', events.data)
  port.on('error', () => undefined)
  port.once('close', () => {
    if (!isClosed) events.gone()
    isClosed = true
  })
  return {
    write: writerOf(port),
    close: async () => {
      if (isClosed) return
      isClosed = true
      await new Promise<void>((resolve) => port.close(() => resolve()))
    },
  }
}

function writerOf(port: SerialPort): OpenedPort['write'] {
  const opened: object | undefined = port.port
  const fd = opened && 'fd' in opened ? opened.fd : undefined
  if (typeof fd !== 'number' || process.platform === 'win32') return (line) => queue(port, line)
  /** Of a line that was taken in part. */
  let end: Uint8Array = Buffer.alloc(0)
  return async (line) => {
    const bytes = Buffer.concat([end, Buffer.from(line)])
    const taken = takenOf(fd, bytes)
    const isBegun = taken > end.length
    end = isBegun ? bytes.subarray(taken) : end.subarray(taken)
    if (!isBegun) throw new PortFault('TUNNEL_BUSY')
  }
}

/** A port without a descriptor, on Windows: it has one line in its queue, never a second. */
async function queue(port: SerialPort, line: string): Promise<void> {
  if (port.writableLength > 0) throw new PortFault('TUNNEL_BUSY')
  await new Promise<void>((resolve, reject) => {
    port.write(line, (error) => (error ? reject(error) : resolve()))
  })
}

/** @returns how many bytes the system took at once */
function takenOf(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0
    throw error
  }
}

/** The system's words are those of Linux, macOS and Windows. */
function faultOf(cause: Error): PortFault {
  const isBusy = /cannot lock|temporarily unavailable|resource busy|access denied/i
  return new PortFault(isBusy.test(cause.message) ? 'SERIAL_BUSY' : 'SERIAL_ABSENT', { cause })
}
