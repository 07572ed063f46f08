/** The recorded screen of a session: its batches, fetched when somebody looks at it. */
import type { AuditEvent } from '@travessia/schemas/api'
import type { DomBatch } from '@travessia/schemas/dom-recording'
import { ApiError, open } from '../api.ts'
import { dataUrl, resourcesOf } from '../captured.ts'
import { picturesOf, putPictures } from '../recorded-pictures.ts'
import type { Moment } from '../replay.ts'
import { type KeptBatch, recordingOf, type ScreenEvent } from '../screen-recording.ts'

const maxPictures = 200
const loadMs = 20_000

export class ScreenRecording {
  events = $state.raw<readonly ScreenEvent[]>([])
  isErased = $state(false)
  /** A part of it could not be had. */
  isIncomplete = $state(false)
  /** The page had sent more than is kept. */
  isCut = $state(false)
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
    this.isCut = stored.some(({ data }) => Number(data['refused'] ?? 0) > 0 || data['isLast'])
    const batches: KeptBatch[] = []
    for (const { data } of stored) {
      const batch = await this.#batch(String(data['ref']))
      if (batch) batches.push({ ...batch, lastAt: String(data['lastAt']) })
    }
    const recording = recordingOf(batches)
    putPictures(recording, await this.#pictures(recording, moments))
    this.events = recording
  }

  async #batch(ref: string): Promise<DomBatch | undefined> {
    try {
      return (await (await this.#body(ref)).json()) as DomBatch
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
      const body = await this.#body(ref).catch(() => undefined)
      const url = body && (await dataUrl(await body.blob(), mediaType))
      if (url !== undefined) pictures.set(path, url)
    }
    return pictures
  }

  #body(ref: string): Promise<Response> {
    return open(this.#path + ref, AbortSignal.timeout(loadMs))
  }
}
