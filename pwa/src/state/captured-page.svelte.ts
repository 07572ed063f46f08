/** The page that a session showed at a moment, made of what was captured; fetched when it is looked at. */
import { ApiError, open } from '../api.ts'
import { type CapturedBody, dataUrl, resourcesOf } from '../captured.ts'
import { inertPage } from '../inert-page.ts'
import type { Moment } from '../replay.ts'

type PageState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'shown'; readonly html: string; readonly isTruncated: boolean }
  /** Not captured, erased since, or not to be had now. */
  | { readonly kind: 'missing' | 'erased' | 'failed' }

const maxResources = 200

export class CapturedPage {
  state = $state.raw<PageState>({ kind: 'loading' })
  readonly #path: string
  readonly #kept = new Map<string, Promise<Blob>>()
  #ref: string | undefined
  #turn = 0

  constructor(sessionId: string) {
    this.#path = `/api/audit/sessions/${sessionId}/bodies/`
  }

  async show(page: CapturedBody, moments: readonly Moment[]): Promise<void> {
    const { ref } = page.body
    if (ref !== undefined && ref === this.#ref) return
    this.#ref = ref
    this.#turn += 1
    const turn = this.#turn
    this.state = { kind: 'loading' }
    const state = await this.#load(page, moments)
    if (turn === this.#turn) this.state = state
  }

  async #load({ path, body }: CapturedBody, moments: readonly Moment[]): Promise<PageState> {
    if (body.ref === undefined) return { kind: 'missing' }
    try {
      const html = await textOf(await this.#body(body.ref), body.mediaType)
      const known = resourcesOf(moments)
      let left = maxResources
      const blobOf = async (wanted: string): Promise<Blob | undefined> => {
        const ref = known.get(wanted)?.body.ref
        left -= 1
        return ref === undefined || left < 0 ? undefined : this.#body(ref).catch(() => undefined)
      }
      const made = await inertPage(html, path, {
        picture: async (wanted) => {
          const blob = await blobOf(wanted)
          return blob && dataUrl(blob, known.get(wanted)?.body.mediaType ?? '')
        },
        sheet: async (wanted) => (await blobOf(wanted))?.text(),
      })
      return { kind: 'shown', html: made, isTruncated: body.truncated === true }
    } catch (error) {
      const status = error instanceof ApiError ? error.problem.status : 0
      return { kind: status === 410 ? 'erased' : status === 404 ? 'missing' : 'failed' }
    }
  }

  #body(ref: string): Promise<Blob> {
    const known = this.#kept.get(ref)
    if (known !== undefined) return known
    const body = open(this.#path + ref, AbortSignal.timeout(20_000)).then((one) => one.blob())
    this.#kept.set(ref, body)
    body.catch(() => this.#kept.delete(ref))
    return body
  }
}

async function textOf(blob: Blob, mediaType = ''): Promise<string> {
  const [, charset = 'utf-8'] = /charset=([\w-]+)/.exec(mediaType) ?? []
  const bytes = await blob.arrayBuffer()
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    return new TextDecoder().decode(bytes)
  }
}
