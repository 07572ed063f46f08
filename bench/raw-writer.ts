/** The writer thread of `RawQueue`: each batch of texts in one transaction into a table of one column, answered after the commit. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import pg from 'pg'

type Insert = (texts: readonly string[]) => void | Promise<void>

function sqlite(path: string): Insert {
  const database = new DatabaseSync(path)
  database.exec(
    'pragma journal_mode = wal; pragma synchronous = full; create table queued(body text)',
  )
  const insert = database.prepare('insert into queued values (?)')
  return (texts) => {
    database.exec('begin immediate')
    for (const text of texts) insert.run(text)
    database.exec('commit')
  }
}

async function postgres(url: string): Promise<Insert> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('create table queued(body text)')
  const query = { name: 'raw', text: 'insert into queued select unnest($1::text[])' }
  return async (texts) => {
    await client.query({ ...query, values: [texts] })
  }
}

const { path, url } = workerData as { path?: string; url?: string }
const insert = path === undefined ? await postgres(url ?? '') : sqlite(path)
parentPort?.on('message', async (texts: readonly string[]) => {
  await insert(texts)
  parentPort?.postMessage('written')
})
parentPort?.postMessage('open')
