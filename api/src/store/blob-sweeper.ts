/** Removes, each hour, the blobs that no event names, and counts the others; only when the views know every event. */
import type { Logger } from 'pino'
import { createRounds } from '../rounds.ts'
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
  readonly #rounds = createRounds(
    everyMs,
    () => this.sweep(),
    (error) => this.#deps.log.error({ err: error }, 'blobs not swept'),
  )

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** After the views have caught up. */
  start(): void {
    void this.#rounds.start()
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  async sweep(): Promise<void> {
    const { blobs, views, log } = this.#deps
    if (await views.isBehind()) return
    const removed = await blobs.sweep((ref) => views.blobs.isNamed(ref))
    if (removed > 0) log.info({ removed, usedBytes: blobs.usedBytes }, 'orphaned blobs swept')
  }
}
