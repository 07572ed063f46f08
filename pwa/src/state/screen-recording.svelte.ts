/** The recorded screen of a session: its batches, fetched when somebody looks at it. */
import type { AuditEvent } from '@travessia/schemas/api'
import type { DomBatch, DomPiece } from '@travessia/schemas/dom-recording'
import { ApiError, open } from '../api.ts'
import { dataUrl, resourcesOf } from '../captured.ts'
import { picturesOf, putPictures } from '../recorded-pictures.ts'
import type { Moment } from '../replay.ts'
import { type KeptMessage, recordingOf, type ScreenEvent, wholeOf } from '../screen-recording.ts'

const maxPictures = 200
const loadMs = 20_000

export class ScreenRecording {
  events = $state.raw<readonly ScreenEvent[]>([])
  isErased = $state(false)
  /** A part of it could not be had. */
  isIncomplete = $state(false)
  isLoading = $state(false)
  readonly #path: string
  #loaded = 0

  constructor(sessionId: string) {
    this.#path = `/api/audit/sessions/${sessionId}/bodies/`
  }

  get startMs(): number {
    return this.events[0]?.timestamp ?? 0
  }

  async load(events: readonly AuditEvent[], moments: readonly Moment[]): Promise<void> {
    const stored = events.filter(({ type }) => type === 'DomRecordingStored')
    if (stored.length === this.#loaded) return
    this.#loaded = stored.length
    this.isLoading = true
    const recording = await this.#recording(stored, moments).catch(() => undefined)
    // More is being loaded meanwhile.
    if (stored.length !== this.#loaded) return
    if (recording) this.events = recording
    else this.isIncomplete = true
    this.isLoading = false
  }

  /** @throws what a page that describes itself without measure is too much for */
  async #recording(
    stored: readonly AuditEvent[],
    moments: readonly Moment[],
  ): Promise<readonly ScreenEvent[]> {
    const messages: KeptMessage[] = []
    for (const { data } of stored) {
      const message = await this.#message(String(data['ref']))
      if (message) messages.push({ ...message, lastAt: String(data['lastAt']) })
    }
    const recording = recordingOf(wholeOf(messages))
    putPictures(recording, await this.#pictures(recording, moments))
    return recording
  }

  async #message(ref: string): Promise<DomBatch | DomPiece | undefined> {
    try {
      return (await (await this.#body(ref)).json()) as DomBatch | DomPiece
    } catch (error) {
      if (error instanceof ApiError && error.problem.status === 410) this.isErased = true
      else this.isIncomplete = true
      return undefined
    }
  }

  async #pictures(
    recording: readonly ScreenEvent[],
    moments: readonly Moment[],
  ): Promise<Map<string, string>> {
    const known = resourcesOf(moments)
    const pictures = new Map<string, string>()
    for (const path of [...picturesOf(recording)].slice(0, maxPictures)) {
      const { ref, mediaType = '' } = known.get(path)?.body ?? {}
      if (ref === undefined) continue
      const body = await this.#body(ref)
        .then((response) => response.blob())
        .catch(() => undefined)
      const url = body && (await dataUrl(body, mediaType))
      if (url !== undefined) pictures.set(path, url)
    }
    return pictures
  }

  #body(ref: string): Promise<Response> {
    return open(this.#path + ref, AbortSignal.timeout(loadMs))
  }
}
