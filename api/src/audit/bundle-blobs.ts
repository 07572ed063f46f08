/** The bodies that the events of a bundle name, each a file of its own, in clear: whoever may export may read them. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { blobFolder, namedBlobs } from '@travessia/schemas/named-blobs'
import type { BlobStore } from '../store/blob-store.ts'
import type { ZipSource } from './zip.ts'

const maxBlobs = 50_000
/** What somebody still takes along. */
const maxBytes = 2 * 2 ** 30

/** What the manifest says of them; absent where there is nothing to say. */
type BlobNotes = {
  /** People whose bodies are erased. */
  readonly erased?: string[]
  /** There are more than a bundle holds. */
  readonly isCut?: boolean
}

export class BundleBlobs {
  readonly #blobs: Pick<BlobStore, 'get'>
  readonly #tenantId: string
  /** Ref → whose it is. */
  readonly #named = new Map<string, string>()
  readonly #erased = new Set<string>()
  #isCut = false

  constructor(blobs: Pick<BlobStore, 'get'>, tenantId: string) {
    this.#blobs = blobs
    this.#tenantId = tenantId
  }

  /** An event of the bundle, as it is stored; what was altered into none names nothing. */
  see(text: string): void {
    if (!text.includes('"ref":"')) return
    for (const [ref, subjectId] of namedIn(text))
      if (this.#named.size < maxBlobs) this.#named.set(ref, subjectId)
      else this.#isCut ||= !this.#named.has(ref)
  }

  /** After all events. One that is not there, or was altered, has no file: the check names it. */
  async *files(): AsyncGenerator<ZipSource> {
    let left = maxBytes
    for (const [ref, subjectId] of this.#named) {
      const bytes = await this.#blobs.get(this.#tenantId, ref).catch(() => undefined)
      if (bytes === 'erased') this.#erased.add(subjectId)
      else if (bytes && bytes.length > left) this.#isCut = true
      else if (bytes) {
        left -= bytes.length
        yield { name: `${blobFolder}${ref}`, data: once(bytes) }
      }
    }
  }

  notes(): BlobNotes {
    return {
      ...(this.#erased.size > 0 ? { erased: [...this.#erased] } : {}),
      ...(this.#isCut ? { isCut: true } : {}),
    }
  }
}

function namedIn(text: string): Array<[ref: string, subjectId: string]> {
  try {
    const event = JSON.parse(text) as RecordedEvent
    return namedBlobs(event).map(({ ref }) => [ref, event.actor.id])
  } catch {
    return []
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}
