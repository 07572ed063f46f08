/**
 * What is too large or too personal for the log: captured bodies, recordings. Compressed, then sealed with the key of the
 * person whom it belongs to; named by an HMAC under the same key, so equal bytes of one person are kept once and no name
 * tells what is in it, nor that somebody else has the same. To be put before the event that names it: killed in between, it
 * is an orphan, and swept a day later.
 *
 * File: version (1 byte), tenant id and subject id (26 characters each), nonce (12), sealed zstd, tag (16).
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { TravessiaError } from '@travessia/schemas/errors'
import { roomOn } from '../disk-room.ts'
import type { SubjectKeys } from '../identity/subject-keys.ts'
import { BlobFiles } from './blob-files.ts'

/** Of one blob, before it is compressed. */
const maxBlobBytes = 16 * 1024 * 1024
const orphanMs = 24 * 3_600_000
/** The rest of the disk is for the log. */
const looksAtDiskMs = 5_000
const version = 1
const idBytes = 26
const [nonceBytes, tagBytes] = [12, 16]
const headerBytes = 1 + 2 * idBytes
const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

type Deps = {
  readonly directory: string
  readonly keys: SubjectKeys
  /** All blobs together, as they lie on the disk. */
  readonly maxBytes: number
  readonly now: () => number
}

export class BlobStore {
  readonly #deps: Deps
  readonly #files: BlobFiles
  #usedBytes = 0
  #disk = { isFull: false, seenAt: Number.NEGATIVE_INFINITY }

  constructor(deps: Deps) {
    this.#deps = deps
    this.#files = new BlobFiles(deps.directory)
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /**
   * @param subjectId the user whose person it is about, or the tenant itself
   * @returns the ref, when it is durable
   * @throws TravessiaError BLOBS_FULL, SUBJECT_ERASED; what the disk says
   */
  async put(tenantId: string, subjectId: string, bytes: Uint8Array): Promise<string> {
    if (bytes.length > maxBlobBytes) throw new RangeError('the blob is too large')
    const key = this.#deps.keys.keyFor(tenantId, subjectId)
    if (key === 'erased') throw new TravessiaError('SUBJECT_ERASED')
    const ref = createHmac('sha256', key.blobName).update(bytes).digest('hex')
    if (this.#files.touch(ref, this.#deps.now())) return ref
    await this.#requireRoom()
    const header = headerOf(tenantId, subjectId)
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', key.blobSeal, nonce)
    cipher.setAAD(bound(header, ref))
    const sealed = [cipher.update(await compress(bytes)), cipher.final()]
    const chunks = [header, nonce, ...sealed, cipher.getAuthTag()]
    await this.#files.write(ref, chunks)
    this.#usedBytes += chunks.reduce((sum, { length }) => sum + length, 0)
    return ref
  }

  /**
   * `erased`: whom it was about was erased; undefined: there is none of this tenant.
   * @throws an error when it was altered
   */
  async get(tenantId: string, ref: string): Promise<Buffer | 'erased' | undefined> {
    const file = this.#files.read(ref)
    const owner = file && ownerOf(file)
    if (!file || owner?.tenantId !== tenantId) return undefined
    const key = this.#deps.keys.keyOf(tenantId, owner.subjectId)
    if (key === 'erased') return 'erased'
    if (!key || file.length < headerBytes + nonceBytes + tagBytes)
      throw new RangeError('the blob was altered')
    const nonce = file.subarray(headerBytes, headerBytes + nonceBytes)
    const decipher = createDecipheriv('aes-256-gcm', key.blobSeal, nonce)
    decipher.setAAD(bound(file.subarray(0, headerBytes), ref))
    decipher.setAuthTag(file.subarray(-tagBytes))
    const text = file.subarray(headerBytes + nonceBytes, -tagBytes)
    const plain = Buffer.concat([decipher.update(text), decipher.final()])
    return decompress(plain, { maxOutputLength: maxBlobBytes })
  }

  /** Of one person, whose key is gone already: what is left of each is whose it was. */
  async erase(tenantId: string, subjectId: string): Promise<number> {
    const header = headerOf(tenantId, subjectId)
    let count = 0
    for await (const { ref } of this.#files.list()) {
      const file = this.#files.read(ref)
      if (!file || file.length <= headerBytes || !header.equals(file.subarray(0, headerBytes)))
        continue
      await this.#files.write(ref, [header])
      this.#usedBytes -= file.length - headerBytes
      count += 1
    }
    return count
  }

  /** Its events are gone, or never came. */
  remove(ref: string): void {
    this.#usedBytes -= this.#files.removeIfOlder(ref, Number.POSITIVE_INFINITY)
  }

  /** Removes what no event has named for a day, and counts the rest anew. */
  async sweep(isNamed: (ref: string) => boolean): Promise<number> {
    const before = this.#deps.now() - orphanMs
    let [used, removed] = [0, 0]
    for await (const { ref, bytes, modifiedMs } of this.#files.list(before)) {
      const isOrphan = modifiedMs < before && !isNamed(ref)
      const freed = isOrphan ? this.#files.removeIfOlder(ref, before) : 0
      if (freed > 0) removed += 1
      else used += bytes
    }
    this.#usedBytes = used
    return removed
  }

  async #requireRoom(): Promise<void> {
    const { now, maxBytes, directory } = this.#deps
    if (now() - this.#disk.seenAt > looksAtDiskMs) {
      this.#disk = { isFull: (await roomOn(directory)) < 0, seenAt: now() }
    }
    if (this.#disk.isFull || this.#usedBytes >= maxBytes) throw new TravessiaError('BLOBS_FULL')
  }
}

function headerOf(tenantId: string, subjectId: string): Buffer {
  const header = Buffer.from(`${String.fromCharCode(version)}${tenantId}${subjectId}`, 'latin1')
  if (header.length !== headerBytes) throw new TypeError('not an id')
  return header
}

function ownerOf(file: Buffer): { tenantId: string; subjectId: string } | undefined {
  if (file.length < headerBytes || file[0] !== version) return undefined
  const text = file.toString('latin1', 1, headerBytes)
  return { tenantId: text.slice(0, idBytes), subjectId: text.slice(idBytes) }
}

/** Neither a header nor a name of another blob opens it. */
function bound(header: Buffer, ref: string): Buffer {
  return Buffer.concat([header, Buffer.from(ref, 'hex')])
}
