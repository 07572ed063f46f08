/** Reads on SQLite: at once on this thread, or, since a list may walk far, on one of its own. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { TravessiaError } from '@travessia/schemas/errors'
import { onThreadEnd } from '../thread.ts'
import type { Reader, Row } from './rows.ts'
import type { ReadAnswer } from './sqlite-reader-worker.ts'
import type { Query, Values } from './walk.ts'

/** Of a few statements, which are asked again and again. */
export class NearSqliteReader implements Reader {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true })
  }

  async rows(_tenantId: string, sql: string, values: Values): Promise<Row[]> {
    const statement = this.#prepared.get(sql) ?? this.#database.prepare(sql)
    this.#prepared.set(sql, statement)
    return statement.all(...values)
  }

  close(): void {
    this.#database.close()
  }
}

/** A thread is begun with the first question, and again with the one after its death. It answers in the order of questions. */
export class SqliteReader implements Reader {
  readonly #path: string
  #asked: Array<PromiseWithResolvers<Row[]>> = []
  #worker: Worker | undefined
  #isClosed = false

  constructor(path: string) {
    this.#path = path
  }

  /** @throws TravessiaError STORE_UNAVAILABLE: also when the thread dies, or this is closed, before the answer */
  async rows(_tenantId: string, sql: string, values: Values): Promise<Row[]> {
    if (this.#isClosed) throw unavailable('closed')
    this.#worker ??= this.#start()
    this.#worker.postMessage({ sql, values } satisfies Query)
    const asked = Promise.withResolvers<Row[]>()
    this.#asked.push(asked)
    return asked.promise
  }

  /** The engine cannot be interrupted: the thread ends after the question that it is at. */
  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    if (worker) this.#ended(worker, 'closed')
    await worker?.terminate()
  }

  #start(): Worker {
    const program = new URL('./sqlite-reader-worker.ts', import.meta.url)
    const worker = new Worker(program, { workerData: { path: this.#path } })
    worker.on('message', (answer: ReadAnswer) => {
      if (this.#worker !== worker) return
      const asked = this.#asked.shift()
      if (typeof answer === 'string') asked?.reject(unavailable(answer))
      else asked?.resolve(answer)
    })
    onThreadEnd(worker, (error) => this.#ended(worker, String(error)))
    return worker
  }

  #ended(worker: Worker, problem: string): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const asked = this.#asked
    this.#asked = []
    for (const { reject } of asked) reject(unavailable(problem))
  }
}

function unavailable(problem: string): TravessiaError {
  return new TravessiaError('STORE_UNAVAILABLE', { problem })
}
