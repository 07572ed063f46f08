/** Which blobs an event names, and what their bytes must be: the only list of it, for views, bundles and their check. */
import type { BodyFacts } from './captured.ts'
import type { Fact } from './events.ts'

type NamedBlob = {
  readonly ref: string
  /** Of the plain bytes, with `sha256:` before it. */
  readonly digest: string
}

/** Where the blobs of a bundle are, each by its ref. */
export const blobFolder = 'blobs/'

export function namedBlobs({ type, data }: Fact): NamedBlob[] {
  if (type === 'DomRecordingStored') return named(data.ref, data.digest)
  if (type !== 'HttpResponseReceived') return []
  // A bundle may hold anything.
  const bodies: ReadonlyArray<Partial<BodyFacts> | undefined> = [
    data.requestBody,
    data.responseBody,
  ]
  return bodies.flatMap((body) => named(body?.ref, body?.copyDigest))
}

function named(ref: unknown, digest: unknown): NamedBlob[] {
  return typeof ref === 'string' && typeof digest === 'string' ? [{ ref, digest }] : []
}
