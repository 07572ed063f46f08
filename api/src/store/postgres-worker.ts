/** The thread of the one writer on PostgreSQL: one thing at a time, in the order in which it was asked. */
import { parentPort, workerData } from 'node:worker_threads'
import { takeOrders } from '../thread.ts'
import { PostgresWriter } from './postgres-writer.ts'
import type { Work, WriterMessage, WriterNews } from './write-queue.ts'

const tell = (message: WriterMessage | WriterNews) => parentPort?.postMessage(message)
const writer = new PostgresWriter(workerData, (position) => tell({ heard: position }))
let working: Promise<void> = Promise.resolve()

takeOrders((work: Work) => {
  working = working.then(async () =>
    tell(
      typeof work === 'string'
        ? await writer.write(JSON.parse(work))
        : await writer.keep(work.keep),
    ),
  )
})
await writer.open()
tell('open')
