/** Which blobs an event names, and what their bytes must be: the only list of it, for views, bundles and their check. */
import type { EventType, Fact } from '@travessia/schemas/events'

export type NamedBlob = {
  readonly ref: string
  /** Of the plain bytes, with `sha256:` before it. */
  readonly digest: string
}

export function namedBlobs(event: { readonly type: EventType } & Fact): NamedBlob[] {
  if (event.type === 'DomRecordingStored')
    return [{ ref: event.data.ref, digest: event.data.digest }]
  if (event.type !== 'HttpResponseReceived') return []
  return [event.data.requestBody, event.data.responseBody].flatMap(({ ref, copyDigest }) =>
    ref !== undefined && copyDigest !== undefined ? [{ ref, digest: copyDigest }] : [],
  )
}
