/** Removes, each hour, the blobs that no event names, and counts the others; only when the views know every event. */
import type { Logger } from 'pino'
import type { Views } from '../views/views.ts'
import type { BlobStore } from './blob-store.ts'

const everyMs = 3_600_000

type Deps = {
  readonly blobs: BlobStore
  readonly views: Pick<Views, 'blobs' | 'isBehind'>
  readonly log: Logger
}

export class BlobSweeper {
  readonly #deps: Deps
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** After the views have caught up. */
  start(): void {
    this.#timer = setInterval(() => this.#run(), everyMs)
    this.#run()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  #run(): void {
    this.#running ??= this.sweep()
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'blobs not swept'))
      .finally(() => {
        this.#running = undefined
      })
  }

  async sweep(): Promise<void> {
    const { blobs, views, log } = this.#deps
    if (await views.isBehind()) return
    const removed = await blobs.sweep((ref) => views.blobs.isNamed(ref))
    if (removed > 0) log.info({ removed, usedBytes: blobs.usedBytes }, 'orphaned blobs swept')
  }
}
