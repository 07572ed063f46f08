/**
 * One reading of a camera for all who look at it. It begins with the first viewer and ends with the last; a viewer
 * that is slow misses pictures and holds up nobody.
 */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Latest } from '@travessia/schemas/latest'
import { encodePart } from '@travessia/schemas/multipart'
import type { Picture } from './camera-source.ts'

/** As it is sent, made once for all. */
export type Frame = { readonly part: Uint8Array; readonly picture: Picture }

type Options = {
  readonly read: (signal: AbortSignal) => AsyncIterable<Picture>
  readonly onEnd: () => void
  readonly silenceMs: number
}

export class CameraFeed {
  readonly #abort = new AbortController()
  readonly #viewers = new Set<Latest<Frame>>()
  readonly #options: Options
  #newest: Frame | undefined
  #silence: NodeJS.Timeout | undefined

  constructor(options: Options) {
    this.#options = options
    void this.#run()
  }

  get newest(): Picture | undefined {
    return this.#newest?.picture
  }

  join(viewer: Latest<Frame>): void {
    if (this.#newest) viewer.put(this.#newest)
    this.#viewers.add(viewer)
  }

  leave(viewer: Latest<Frame>): void {
    this.#viewers.delete(viewer)
    if (this.#viewers.size === 0) this.#end()
  }

  async #run(): Promise<void> {
    this.#listen()
    try {
      for await (const picture of this.#options.read(this.#abort.signal)) {
        this.#listen()
        const { type, at, bytes } = picture
        const headers = { 'content-type': type, 'x-travessia-at': String(at) }
        this.#newest = { picture, part: encodePart(headers, bytes) }
        for (const viewer of this.#viewers) viewer.put(this.#newest)
      }
    } catch (error) {
      this.#end(error)
    }
  }

  #listen(): void {
    clearTimeout(this.#silence)
    const tooLong = () => this.#end(new TravessiaError('DEVICE_TIMEOUT'))
    this.#silence = setTimeout(tooLong, this.#options.silenceMs)
  }

  #end(error?: unknown): void {
    if (this.#abort.signal.aborted) return
    clearTimeout(this.#silence)
    this.#options.onEnd()
    for (const viewer of this.#viewers) viewer.end(error)
    this.#viewers.clear()
    this.#abort.abort()
  }
}
