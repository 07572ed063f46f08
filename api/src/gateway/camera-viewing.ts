/** One person looking at a camera for a while: what is sent, how fast, and how it ends. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import { Latest } from '@travessia/schemas/latest'
import { encodePart, multipartEnd, multipartType } from '@travessia/schemas/multipart'
import { maxFramesPerSecond } from '@travessia/schemas/picture'
import type { Frame } from './camera-feed.ts'

const bytesPerSecond = 4 * 1024 * 1024

/** `reason`: `viewer` (left), `viewer-stalled`, `time-limit`, `access-changed`, `node-stop`, or an error code. */
type ViewTotals = {
  readonly reason: string
  readonly frames: number
  readonly bytes: number
}

export class CameraViewing {
  /** Filled by the feed. */
  readonly frames = new Latest<Frame>()
  readonly #stallMs: number
  readonly #over = new AbortController()
  #reason: string | undefined
  #sent = { frames: 0, bytes: 0 }

  constructor(stallMs: number) {
    this.#stallMs = stallMs
  }

  get totals(): ViewTotals {
    return { reason: this.#reason ?? 'viewer', ...this.#sent }
  }

  /** The first word counts. */
  end(reason: string): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#over.abort()
    this.frames.end()
  }

  /** The first picture. @throws TravessiaError what the camera or the way to it says; CAMERA_BUSY: ended meanwhile */
  async first(): Promise<Frame> {
    const frame = await this.frames.next()
    if (!frame) throw new TravessiaError('CAMERA_BUSY', { reason: this.#reason })
    return frame
  }

  /** Resolves when it is over. */
  async show(first: Frame, response: ServerResponse): Promise<void> {
    response.once('close', () => this.end('viewer'))
    response.writeHead(200, {
      'content-type': multipartType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    try {
      for (let frame: Frame | undefined = first; frame; frame = await this.frames.next())
        await this.#send(frame, response)
    } catch (error) {
      // What else is thrown when nothing has ended it is the wait for a connection that takes nothing.
      this.end(error instanceof TravessiaError ? error.code : 'viewer-stalled')
    }
    if (response.destroyed || response.writableNeedDrain) return void response.destroy()
    response.write(encodePart({ 'x-travessia-end': this.totals.reason }, new Uint8Array()))
    response.end(multipartEnd)
  }

  async #send({ part }: Frame, response: ServerResponse): Promise<void> {
    const { signal } = this.#over
    const turn = sleep(paceMs(part.length), undefined, { signal })
    turn.catch(() => undefined)
    const isTaken = response.write(part)
    this.#sent.frames += 1
    this.#sent.bytes += part.length
    if (!isTaken) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#stallMs)])
      await once(response, 'drain', { signal: limit })
    }
    await turn
  }
}

/** Until the next picture may follow: 15 in a second, and so many bytes. */
export function paceMs(bytes: number): number {
  return Math.max(1_000 / maxFramesPerSecond, (bytes / bytesPerSecond) * 1_000)
}
