/** What is seen of one camera here: a still picture first, then the live ones, and how old the last one is. */

import { isToldCode, toldText } from '@travessia/schemas/errors/told'
import { Latest } from '@travessia/schemas/latest'
import { ApiError, noNetwork, open, problemOf } from '../api.ts'
import { type LivePicture, readPictures } from '../camera-stream.ts'
import { getLocale } from '../paraglide/runtime.js'

/** `over`: live until the server asked whether somebody is still there. */
type Mode = 'still' | 'opening' | 'live' | 'over'
type Draw = (picture: ImageBitmap) => void

const tickMs = 200

export class CameraView {
  mode = $state<Mode>('still')
  /** Live pictures shown so far. */
  frames = $state(0)
  /** When the picture on the screen was taken, by this device's clock. */
  takenAt = $state<number>()
  error = $state<unknown>()
  /** A photo is on its way. */
  isTaking = $state(false)
  now = $state(Date.now())
  readonly #path: string
  readonly #draw: Draw
  #abort = new AbortController()
  #ticker: ReturnType<typeof setInterval> | undefined

  constructor(deviceId: string, draw: Draw) {
    this.#path = `/api/devices/${deviceId}/camera`
    this.#draw = draw
  }

  get isLive(): boolean {
    return this.mode === 'live' || this.mode === 'opening'
  }

  async snapshot(): Promise<void> {
    const signal = this.#anew()
    this.isTaking = true
    try {
      const response = await open(`${this.#path}/snapshot`, signal)
      const blob = await response.blob()
      await this.#show({ blob, takenAt: Date.now() }, signal)
      this.error = undefined
    } catch (error) {
      if (!signal.aborted) this.error = error
    }
    if (!signal.aborted) this.isTaking = false
  }

  /** Until `stop`, the server's limit or a failure. */
  async watch(): Promise<void> {
    const signal = this.#anew()
    this.mode = 'opening'
    this.error = undefined
    this.#ticker = setInterval(() => {
      this.now = Date.now()
    }, tickMs)
    try {
      const query = savesData() ? '?mode=snapshots' : ''
      const { body } = await open(`${this.#path}/stream${query}`, signal)
      const reason = body ? await this.#play(body, signal) : undefined
      if (signal.aborted) return
      if (reason === 'time-limit') return this.#rest('over')
      throw new ApiError(problemOf(...endOf(reason)))
    } catch (error) {
      if (signal.aborted) return
      this.error = error
      this.#rest('still')
    }
  }

  stop(): void {
    this.#anew()
    this.#rest('still')
  }

  async #play(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string | undefined> {
    const latest = new Latest<LivePicture>()
    const shown = this.#showAll(latest, signal)
    try {
      return await readPictures(body, (picture) => latest.put(picture))
    } finally {
      latest.end()
      await shown
    }
  }

  /** A phone that draws slowly misses pictures. */
  async #showAll(latest: Latest<LivePicture>, signal: AbortSignal): Promise<void> {
    for (let next = await latest.next(); next; next = await latest.next()) {
      await this.#show(next, signal).catch(() => undefined)
      if (signal.aborted) return
      this.frames += 1
      this.mode = 'live'
    }
  }

  async #show({ blob, takenAt }: LivePicture, signal: AbortSignal): Promise<void> {
    const bitmap = await createImageBitmap(blob)
    if (!signal.aborted) {
      this.#draw(bitmap)
      this.takenAt = takenAt
      this.now = Date.now()
    }
    bitmap.close()
  }

  #anew(): AbortSignal {
    this.#abort.abort()
    clearInterval(this.#ticker)
    this.isTaking = false
    this.#abort = new AbortController()
    return this.#abort.signal
  }

  #rest(mode: Mode): void {
    clearInterval(this.#ticker)
    this.mode = mode
  }
}

function endOf(reason: string | undefined): [code: string, status: number, title?: string] {
  return isToldCode(reason) ? [reason, 0, toldText(reason, getLocale())] : [noNetwork, 0]
}

type Connection = { readonly connection?: { readonly saveData?: boolean } }

/** The person asked for few bytes: one picture a second. */
export function savesData(): boolean {
  const { connection } = navigator as Connection
  return connection?.saveData === true || matchMedia('(prefers-reduced-data: reduce)').matches
}
