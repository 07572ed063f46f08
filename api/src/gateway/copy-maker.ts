/** The thread that makes copies, from this side: begun with the first body, and again after one that it died of, or had no end. */
import { Worker } from 'node:worker_threads'
import { onThreadEnd } from '../thread.ts'
import type { CopyAnswer, CopyOrder } from './capture-worker.ts'

/** Decoded bodies are a megabyte at most, one after another. */
const resourceLimits = { maxOldGenerationSizeMb: 256 }
/** The longest without an answer, ms: whoever made that body is not to keep up all others. */
const longestMs = 10_000

export class CopyMaker {
  readonly #waiting = new Map<number, PromiseWithResolvers<CopyAnswer['copy']>>()
  #worker: Worker | undefined
  #silence: NodeJS.Timeout | undefined
  #id = 0

  /** The order's bytes are the thread's then. undefined: it cannot be decoded. @throws an error when the thread died of it, or of another one */
  make(order: Omit<CopyOrder, 'id'>): Promise<CopyAnswer['copy']> {
    const id = ++this.#id
    const made = Promise.withResolvers<CopyAnswer['copy']>()
    this.#waiting.set(id, made)
    const worker = this.#running()
    if (this.#waiting.size === 1) this.#watch(worker)
    worker.postMessage({ ...order, id } satisfies CopyOrder, [order.bytes.buffer])
    return made.promise
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }

  #running(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./capture-worker.ts', import.meta.url), { resourceLimits })
    worker.unref()
    worker.on('message', ({ id, copy }: CopyAnswer) => {
      this.#waiting.get(id)?.resolve(copy)
      this.#waiting.delete(id)
      this.#watch(worker)
    })
    onThreadEnd(worker, (error) => this.#died(error))
    this.#worker = worker
    return worker
  }

  #watch(worker: Worker): void {
    clearTimeout(this.#silence)
    if (this.#waiting.size === 0) return
    this.#silence = setTimeout(() => void worker.terminate(), longestMs).unref()
  }

  #died(error: unknown): void {
    this.#worker = undefined
    clearTimeout(this.#silence)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
