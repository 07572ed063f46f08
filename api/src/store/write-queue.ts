/**
 * The way to the one writer of a log, which runs in a worker thread: appends wait here, many go into one
 * transaction, each caller is answered after the commit. The queue is bounded: what does not fit is refused.
 */
import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import { isErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { newTimeId } from '@travessia/schemas/ids'
import { onThreadEnd } from '../thread.ts'
import { requireValidFact } from './check-fact.ts'
import type { Append, Appended, Haste } from './event-store.ts'
import { messageOf, type WriteAnswer } from './event-text.ts'
import type { Emptied, Expiry, KeptCheckpoint, KeptCosignature } from './evidence-log.ts'

const maxQueuedEvents = 10_000
const maxBatchEvents = 500
const maxBatchChars = 256 * 1024
/** How long what nobody waits for waits for company: a commit costs more than what is in it. */
const lingerMs = 5

/** What the writer is asked, appends as the JSON of their list. It answers in the order in which it was asked. */
export type Work = string | Keep
export type Keep = { readonly keep: readonly KeptCheckpoint[] | KeptCosignature | Expiry | Emptied }
export type KeepAnswer =
  | { readonly kept: true }
  | {
      readonly kept: false
      readonly error: 'CONFLICT' | 'STORE_UNAVAILABLE'
      readonly problem: string
    }
/** Unasked: another node has written. */
type Heard = { readonly heard: number }
/** Before all answers: it waits for another process that lays out the log, and it has it. */
export type WriterNews = 'waits' | 'open'
export type WriterMessage = readonly WriteAnswer[] | KeepAnswer | Heard

type Waiting = {
  readonly message: string
  readonly events: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: Error) => void
}

/**
 * @param waits called when the writer waits for another process
 * @throws what the writer threw before it was open
 */
export async function openWriteQueue(
  program: string,
  workerData: unknown,
  waits: () => void = () => undefined,
): Promise<WriteQueue> {
  const worker = new Worker(new URL(program, import.meta.url), { workerData })
  for await (const [news] of on(worker, 'message')) {
    if (news === 'waits') waits()
    if (news === 'open') break
  }
  return new WriteQueue(worker)
}

export class WriteQueue {
  readonly #worker: Worker
  readonly #listeners = new Set<(position: number) => void>()
  readonly #refused = new Set<string>()
  readonly #keeping: Array<PromiseWithResolvers<void>> = []
  #queue: Waiting[] = []
  #queuedEvents = 0
  #writing: Waiting[] | undefined
  #newest = 0
  #isClosed = false
  /** Somebody waits for what is in the queue. */
  #isAwaited = false
  #lingering: NodeJS.Timeout | undefined
  #whenIdle: (() => void) | undefined

  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (message: WriterMessage) => {
      if ('kept' in message) this.#kept(message)
      else if ('heard' in message) this.heard(message.heard)
      else this.#answered(message)
    })
    onThreadEnd(worker, (error) => this.#broken(error))
  }

  async append(wanted: Append): Promise<Appended> {
    return this.take(wanted, 'now')
  }

  take(wanted: Append, haste: Haste): Promise<Appended> {
    for (const event of wanted.events) requireValidFact(event)
    if (this.#refused.has(wanted.tenantId))
      throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' })
    if (this.#isClosed || this.#queuedEvents + wanted.events.length > maxQueuedEvents)
      throw new TravessiaError('STORE_UNAVAILABLE', { queued: this.#queuedEvents })
    const events = wanted.events.map((event) => ({ id: newTimeId(Date.now()), ...event }))
    const message = exactMessageOf({ ...wanted, events })
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, events: events.length, resolve, reject })
      this.#queuedEvents += events.length
      if (haste === 'now') this.#isAwaited = true
      if (!this.#writing) this.#writeLater()
    })
  }

  async keep(keep: Keep['keep']): Promise<void> {
    if (this.#isClosed) throw new TravessiaError('STORE_UNAVAILABLE')
    const kept = Promise.withResolvers<void>()
    this.#keeping.push(kept)
    this.#worker.postMessage({ keep })
    return kept.promise
  }

  refuse(tenantId: string): void {
    this.#refused.add(tenantId)
  }

  onAppended(listener: (position: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The log is known to reach as far as this. */
  heard(position: number): void {
    if (position <= this.#newest) return
    this.#newest = position
    for (const listener of this.#listeners) listener(position)
  }

  /** Writes what was taken, then ends the writer. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#keeping.map(({ promise }) => promise))
    if (this.#queuedEvents > 0)
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
        this.#write()
      })
    await this.#worker.terminate()
  }

  #writeLater(): void {
    const isFull = this.#queue.length >= maxBatchEvents
    if (this.#isAwaited || isFull) setImmediate(() => this.#write())
    else this.#lingering ??= setTimeout(() => this.#write(), lingerMs)
  }

  #write(): void {
    if (this.#writing || this.#queue.length === 0) return
    clearTimeout(this.#lingering)
    this.#lingering = undefined
    this.#writing = this.#queue.splice(0, batchSize(this.#queue))
    this.#isAwaited &&= this.#queue.length > 0
    const messages = this.#writing.map(({ message }) => message)
    this.#worker.postMessage(`[${messages.join(',')}]`)
  }

  #answered(answers: readonly WriteAnswer[]): void {
    const written = this.#writing ?? []
    this.#writing = undefined
    let newest = 0
    written.forEach(({ events, resolve, reject }, index) => {
      this.#queuedEvents -= events
      const answer = answers[index]
      if (answer && 'position' in answer) {
        newest = Math.max(newest, answer.position)
        resolve(answer)
      } else {
        const code = isErrorCode(answer?.error) ? answer.error : 'STORE_UNAVAILABLE'
        reject(new TravessiaError(code, { problem: answer?.problem, version: answer?.version }))
      }
    })
    this.heard(newest)
    if (this.#queuedEvents === 0) this.#whenIdle?.()
    if (this.#isAwaited || this.#isClosed) this.#write()
    else if (this.#queue.length > 0) this.#writeLater()
  }

  #kept(answer: KeepAnswer): void {
    const waiting = this.#keeping.shift()
    if (answer.kept) waiting?.resolve()
    else waiting?.reject(new TravessiaError(answer.error, { problem: answer.problem }))
  }

  /** The writer thread died: nothing may be done any more, so nothing is promised. */
  #broken(cause: unknown): void {
    this.#isClosed = true
    const waiting = [...(this.#writing ?? []), ...this.#queue]
    this.#writing = undefined
    this.#queue = []
    this.#queuedEvents = 0
    this.#whenIdle?.()
    for (const { reject } of [...waiting, ...this.#keeping.splice(0)])
      reject(new TravessiaError('STORE_UNAVAILABLE', {}, { cause }))
  }
}

function exactMessageOf(append: Append): string {
  try {
    return messageOf(append)
  } catch (error) {
    throw new TravessiaError('MESSAGE_INVALID', { problem: String(error) })
  }
}

/** How many of the waiting appends go into one transaction: at least one. */
function batchSize(queue: readonly Waiting[]): number {
  let count = 0
  let chars = 0
  for (const [index, { events, message }] of queue.entries()) {
    count += events
    chars += message.length
    if (count > maxBatchEvents || chars > maxBatchChars) return Math.max(1, index)
  }
  return queue.length
}
