/**
 * What the log is measured against: events as JSON in a table of one column, with nothing else that the log promises, but
 * coalesced and durable as there: while one batch is being written on the writer thread the next one gathers.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

type Waiting = { readonly text: string; readonly resolve: () => void }

export async function openRawQueue(place: { path: string } | { url: string }): Promise<RawQueue> {
  const worker = new Worker(new URL('./raw-writer.ts', import.meta.url), { workerData: place })
  await once(worker, 'message')
  return new RawQueue(worker)
}

export class RawQueue {
  readonly #worker: Worker
  #queue: Waiting[] = []
  #writing: readonly Waiting[] | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', () => this.#written())
  }

  append(event: object): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ text: JSON.stringify(event), resolve })
      if (!this.#writing) setImmediate(() => this.#write())
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #write(): void {
    if (this.#writing || this.#queue.length === 0) return
    this.#writing = this.#queue
    this.#queue = []
    this.#worker.postMessage(this.#writing.map(({ text }) => text))
  }

  #written(): void {
    for (const { resolve } of this.#writing ?? []) resolve()
    this.#writing = undefined
    this.#write()
  }
}
