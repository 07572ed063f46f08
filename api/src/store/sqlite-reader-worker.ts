/** The thread of what may walk far on SQLite: one question after another. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { takeOrders } from '../thread.ts'
import type { Row } from './rows.ts'
import type { Query } from './walk.ts'

/** Rows, or what is wrong. */
export type ReadAnswer = Row[] | string

const database = new DatabaseSync(String(workerData.path), { readOnly: true })
takeOrders((query: Query) => parentPort?.postMessage(answerTo(query)))

function answerTo({ sql, values }: Query): ReadAnswer {
  try {
    return database.prepare(sql).all(...values)
  } catch (error) {
    return String(error)
  }
}
