/**
 * Files that wait for their way to a printer, one file each under its id beside the log; what they are stands in the
 * log. Killed before FileUploaded is durable: the start removes what no view knows. Killed after it: the file is there.
 */
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { KeptFile } from '@travessia/schemas/api'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { maxFileBytes } from '@travessia/schemas/print-file-rules'
import type { Logger } from 'pino'
import { roomOn } from '../disk-room.ts'
import { handle } from '../domain/decider.ts'
import { file as decider, type FileIntent } from '../domain/file.ts'
import { eventContext } from '../event-context.ts'
import { createRounds } from '../rounds.ts'
import type { EventStore } from '../store/event-store.ts'
import type { FileRow } from '../views/files.ts'
import type { Views } from '../views/views.ts'

const keptMs = 24 * 3600_000
const maxTenantBytes = 2 * 1024 * 1024 * 1024
const maxTenantFiles = 100
/** A sender that says nothing for so long has gone. */
const silentMs = 30_000
const sweepMs = 60_000

export type Upload = {
  readonly tenantId: string
  readonly name: string
  /** As the sender announced it; without a word, the largest. */
  readonly length: number
  /** With the device and its installation. */
  readonly context: EventContext
}

type Deps = {
  readonly directory: string
  readonly store: EventStore
  readonly views: Views
  readonly now: () => number
  readonly log: Logger
}
type Usage = { readonly files: number; readonly bytes: number }

export class FileStore {
  readonly #deps: Deps
  /** What is on its way in, per tenant. */
  readonly #coming = new Map<string, Usage>()
  readonly #rounds = createRounds(
    sweepMs,
    () => this.#removeExpired(),
    (error) => this.#deps.log.error({ err: error }, 'no expired file removed, trying again'),
  )

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** After the views have caught up. */
  async start(): Promise<void> {
    const { directory, views } = this.#deps
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const known = new Set((await views.files.kept()).map(({ id }) => id))
    for (const name of readdirSync(directory))
      if (!known.has(name)) rmSync(join(directory, name), { force: true, recursive: true })
    await this.#rounds.start()
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /**
   * Takes the bytes; resolves when they and FileUploaded are durable. What breaks off leaves nothing.
   * @throws TravessiaError FILE_TOO_LARGE, FILE_QUOTA, MESSAGE_INVALID (empty), REQUEST_INVALID (broke off)
   */
  async keep(upload: Upload, source: Readable | undefined): Promise<KeptFile> {
    const { tenantId, name, context, length } = upload
    if (!source) throw new TravessiaError('MESSAGE_INVALID', { at: '/body' })
    if (length > maxFileBytes) throw new TravessiaError('FILE_TOO_LARGE')
    const release = await this.#reserve(tenantId, length)
    const id = newId()
    const path = this.#pathOf(id)
    try {
      const facts = { name, ...(await write(path, source)) }
      const expiresAt = new Date(this.#deps.now() + keptMs).toISOString()
      const kept = { ...facts, expiresAt }
      await this.#record({ tenantId, id, context }, { type: 'KeepFile', kept })
      return { id, ...kept }
    } catch (error) {
      rmSync(path, { force: true })
      throw error
    } finally {
      release()
    }
  }

  /** The bytes of a kept file; errors when they are not there. */
  read(id: string): Readable {
    return createReadStream(this.#pathOf(id))
  }

  async remove(row: FileRow, reason: 'sent' | 'expired'): Promise<void> {
    const { id, tenantId } = row
    const context = eventContext({ type: 'system', id: 'files' }, this.#deps.now(), row)
    await this.#record({ tenantId, id, context }, { type: 'RemoveFile', reason })
    rmSync(this.#pathOf(id), { force: true })
  }

  #pathOf(id: string): string {
    return join(this.#deps.directory, id)
  }

  /** Counted from here on until it stands in the view. @returns what ends the count */
  async #reserve(tenantId: string, length: number): Promise<() => void> {
    const kept = await this.#deps.views.files.usage(tenantId)
    const room = await roomOn(this.#deps.directory)
    const coming = this.#coming.get(tenantId) ?? { files: 0, bytes: 0 }
    const allComing = [...this.#coming.values()].reduce((sum, { bytes }) => sum + bytes, 0)
    const isFull =
      kept.files + coming.files >= maxTenantFiles ||
      kept.bytes + coming.bytes + length > maxTenantBytes ||
      allComing + length > room
    if (isFull) throw new TravessiaError('FILE_QUOTA')
    this.#count(tenantId, 1, length)
    return () => this.#count(tenantId, -1, -length)
  }

  #count(tenantId: string, files: number, bytes: number): void {
    const before = this.#coming.get(tenantId) ?? { files: 0, bytes: 0 }
    const after = { files: before.files + files, bytes: before.bytes + bytes }
    if (after.files === 0) this.#coming.delete(tenantId)
    else this.#coming.set(tenantId, after)
  }

  async #removeExpired(): Promise<void> {
    const { views, now, log } = this.#deps
    for (const row of await views.files.kept()) {
      if (Date.parse(row.expiresAt) > now()) continue
      await this.remove(row, 'expired').catch((error: unknown) =>
        log.error({ err: error, fileId: row.id, tenantId: row.tenantId }, 'file not removed'),
      )
    }
  }

  async #record(
    { tenantId, id, context }: { tenantId: string; id: string; context: EventContext },
    intent: FileIntent,
  ): Promise<void> {
    const { store, views } = this.#deps
    const stream = { tenantId, streamKind: 'file', streamId: id } as const
    const { position } = await handle(store, decider, stream, intent, context)
    await views.until(position)
  }
}

/** Durable when it resolves. The source is left open, so that a refusal can still be answered. */
async function write(path: string, source: Readable): Promise<{ length: number; sha256: string }> {
  const file = await open(path, 'wx', 0o600)
  const hash = createHash('sha256')
  const silence = setTimeout(() => source.destroy(new Error('silent')), silentMs)
  let length = 0
  try {
    for await (const chunk of chunksOf(source)) {
      silence.refresh()
      length += chunk.length
      if (length > maxFileBytes) throw new TravessiaError('FILE_TOO_LARGE')
      hash.update(chunk)
      await file.appendFile(chunk)
    }
    if (length === 0) throw new TravessiaError('MESSAGE_INVALID', { at: '/body' })
    await file.sync()
  } finally {
    clearTimeout(silence)
    await file.close()
  }
  return { length, sha256: hash.digest('hex') }
}

async function* chunksOf(source: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of source.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  } catch (cause) {
    throw new TravessiaError('REQUEST_INVALID', { problem: 'broke off' }, { cause })
  }
}
