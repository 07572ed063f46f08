/**
 * Files that orders have signed, taken from the data connection: whole and as signed, or not at all. Each lies in one
 * spool file while its command runs. Killed at any line: the next start empties the folder, and the journal knows that
 * the device was not told.
 */
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FileFacts } from '@travessia/schemas/print-files'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { StreamReset, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { CommandFile } from './drivers/driver.ts'

/** Spooled at a time: bounds the disk to this many times the largest file. */
const maxAtOnce = 4
/** Until the node's first byte; longer than it waits for our data connection. */
const comingMs = 30_000
const idleMs = 60_000

type SpooledFile = CommandFile & { remove(): void }

type Fetch = {
  readonly signal: AbortSignal
  /** Bytes taken from the node and given to the device, of twice the length in all. */
  readonly onBytes: (done: number) => void
}
type Expected = Fetch & {
  readonly facts: FileFacts
  readonly settle: (coming: Promise<void>) => void
}

export class CommandFiles {
  readonly #directory: string
  readonly #expected = new Map<string, Expected>()
  #spooled = 0

  constructor(directory: string) {
    this.#directory = directory
    rmSync(directory, { recursive: true, force: true })
  }

  /**
   * Waits for the bytes of this command; its caller removes the file.
   * @throws TravessiaError FILE_BROKEN (nothing is kept), TUNNEL_BUSY
   */
  async fetch(
    commandId: string,
    facts: FileFacts,
    { signal, onBytes }: Fetch,
  ): Promise<SpooledFile> {
    if (this.#spooled >= maxAtOnce) throw new TravessiaError('TUNNEL_BUSY')
    this.#spooled += 1
    const path = this.#pathOf(commandId)
    const remove = () => {
      rmSync(path, { force: true })
      this.#spooled -= 1
    }
    try {
      await this.#arrival(commandId, { facts, signal, onBytes })
    } catch (error) {
      remove()
      throw error
    }
    return { ...facts, remove, read: () => counted(path, (sent) => onBytes(facts.length + sent)) }
  }

  /** A stream of the node's that says it brings them. */
  async take(commandId: string, stream: TunnelStream): Promise<void> {
    const expected = this.#expected.get(commandId)
    if (!expected) return stream.reset(ResetCode.protocol, 'nobody waits for it')
    this.#expected.delete(commandId)
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const coming = spool(stream, this.#pathOf(commandId), expected)
    expected.settle(coming)
    await coming
  }

  #pathOf(commandId: string): string {
    return join(this.#directory, commandId)
  }

  async #arrival(commandId: string, wanted: Omit<Expected, 'settle'>): Promise<void> {
    const { signal } = wanted
    return new Promise<void>((resolve, reject) => {
      const giveUp = () => settle(Promise.reject(broken('it did not come')))
      const timer = setTimeout(giveUp, comingMs)
      const settle = (coming: Promise<void>) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        this.#expected.delete(commandId)
        coming.then(resolve, reject)
      }
      signal.addEventListener('abort', giveUp)
      this.#expected.set(commandId, { ...wanted, settle })
      if (signal.aborted) giveUp()
    })
  }
}

/** @throws TravessiaError FILE_BROKEN; the node learns it by a reset */
async function spool(
  stream: TunnelStream,
  path: string,
  { facts, signal, onBytes }: Expected,
): Promise<void> {
  const cancel = () => stream.reset(ResetCode.cancel)
  signal.addEventListener('abort', cancel)
  if (signal.aborted) cancel()
  try {
    const { length, sha256 } = await writeAll(stream, path, { most: facts.length, onBytes })
    if (length !== facts.length) throw broken(`${length} bytes of ${facts.length}`)
    if (sha256 !== facts.sha256) throw broken('not what was signed')
    stream.frame(FrameType.end, undefined, true)
  } catch (error) {
    stream.reset(ResetCode.protocol, 'file')
    throw error instanceof TravessiaError ? error : broken(wordOf(error), error)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

async function writeAll(
  stream: TunnelStream,
  path: string,
  { most, onBytes }: { most: number; onBytes: (done: number) => void },
): Promise<{ length: number; sha256: string }> {
  const file = await open(path, 'w', 0o600)
  const hash = createHash('sha256')
  const silence = setTimeout(() => stream.reset(ResetCode.idleTimeout), idleMs)
  let length = 0
  try {
    for (let frame = await stream.read(); frame; frame = await stream.read()) {
      if (frame.type !== FrameType.data) throw broken('not a body frame')
      silence.refresh()
      length += frame.payload.length
      if (length > most) throw broken('longer than what was signed')
      hash.update(frame.payload)
      await file.appendFile(frame.payload)
      onBytes(length)
    }
  } finally {
    clearTimeout(silence)
    await file.close()
  }
  return { length, sha256: hash.digest('hex') }
}

async function* counted(path: string, onBytes: (sent: number) => void): AsyncGenerator<Buffer> {
  let sent = 0
  for await (const chunk of createReadStream(path)) {
    yield chunk as Buffer
    sent += (chunk as Buffer).length
    onBytes(sent)
  }
}

function wordOf(error: unknown): string {
  if (error instanceof StreamReset) return 'the connection broke off'
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' ? 'no space left on this host' : String(code ?? 'not written')
}

function broken(problem: string, cause?: unknown): TravessiaError {
  return new TravessiaError('FILE_BROKEN', { problem }, { cause })
}
