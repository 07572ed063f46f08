/** Whether the bodies and recordings in a bundle are those that its events name, and nothing is in it that nobody names. */
import type { RecordedEvent } from '../events.ts'
import { blobFolder, namedBlobs } from '../named-blobs.ts'
import type { BundleReader } from './bundle-reader.ts'
import { blobFindings, fileText, type Text } from './findings.ts'
import { isDescribed, type Manifest } from './manifest.ts'

type Named = { readonly digest: string; readonly eventId: string; readonly subjectId: string }
export type BlobReport = {
  readonly wrong: readonly Text[]
  readonly missing: readonly Text[]
  /** How many are there as they were kept, and how many are of erased people. */
  readonly kept: number
  readonly erased: number
}

export class BlobCheck {
  readonly #named = new Map<string, Named>()
  readonly #erasedByLog = new Set<string>()

  /** An event of the bundle; that it was altered its own leaf tells. */
  see(line: Partial<RecordedEvent>): void {
    const { type, data, actor, id } = line
    if (typeof data !== 'object' || data === null || typeof actor?.id !== 'string') return
    if (type === 'SubjectErased') this.#erasedByLog.add(String(data.userId))
    for (const { ref, digest } of namedBlobs(line as RecordedEvent))
      this.#named.set(ref, { digest, eventId: String(id), subjectId: actor.id })
  }

  /** After all events. Of a whole log an erasure must be told by the log, not by the manifest alone. */
  async report(reader: BundleReader, manifest: Manifest): Promise<BlobReport> {
    const { bodies = {}, scope } = manifest
    const [wrong, missing]: [Text[], Text[]] = [[], []]
    const said = new Set(bodies.erased)
    const isErased = (id: string) =>
      said.has(id) && (scope === 'selection' || this.#erasedByLog.has(id))
    let [kept, erased, leftOut] = [0, 0, 0]
    for (const [ref, { digest, eventId, subjectId }] of this.#named) {
      const name = `${blobFolder}${ref}`
      if (reader.has(name)) {
        if ((await reader.digest(name)) === digest) kept += 1
        else wrong.push(blobFindings.altered(ref, eventId))
      } else if (isErased(subjectId)) erased += 1
      else if (bodies.isCut) leftOut += 1
      else missing.push(blobFindings.missing(ref, eventId))
    }
    if (leftOut > 0) missing.push(blobFindings.leftOut(leftOut))
    for (const name of reader.names())
      if (!isDescribed(name, manifest) && !this.#isNamed(name)) wrong.push(fileText.unnamed(name))
    return { wrong, missing, kept, erased }
  }

  #isNamed(name: string): boolean {
    return name.startsWith(blobFolder) && this.#named.has(name.slice(blobFolder.length))
  }
}
