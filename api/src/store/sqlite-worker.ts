/**
 * The one writer of the log, in a worker thread: takes a batch of appends, writes those whose expectation
 * holds in ONE transaction (WAL, synchronous=FULL), and answers after the commit. Killed before the commit:
 * nobody was told yes. Killed after: the events are there, the callers learn it from the log.
 */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { newTimeId } from '@travessia/schemas/ids'
import type { Append } from './event-store.ts'
import type { KeptCheckpoint } from './evidence-log.ts'
import { migrate } from './migrations.ts'

export type WriteAnswer =
  | { readonly position: number; readonly version: number }
  | {
      readonly error: 'CONFLICT' | 'MESSAGE_INVALID' | 'STORE_UNAVAILABLE'
      readonly problem: string
    }
export type KeepAnswer =
  | { readonly kept: true }
  | {
      readonly kept: false
      readonly error: 'CONFLICT' | 'STORE_UNAVAILABLE'
      readonly problem: string
    }

const database = new DatabaseSync(String(workerData.path))
database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 5000')
migrate(database)

const sql = {
  ref: database.prepare('select key from ref where id = ?'),
  addRef: database.prepare('insert into ref(id) values (?) returning key'),
  head: database.prepare('select next_position from log_head'),
  setHead: database.prepare('update log_head set next_position = ?'),
  tenantHead: database.prepare('select next_log_index from tenant_head where tenant_key = ?'),
  setTenantHead: database.prepare('insert or replace into tenant_head values (?, ?)'),
  stream: database.prepare('select version from stream where tenant_key = ? and stream_key = ?'),
  setStream: database.prepare('insert or replace into stream values (?, ?, ?, ?)'),
  add: database.prepare('insert into event values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
  rootAt: database.prepare('select root from checkpoint where tenant_key = ? and size = ?'),
  keep: database.prepare('insert into checkpoint values (?, ?, ?, ?, ?)'),
}

let refs = new Map<string, number>()

type Work = readonly Append[] | { readonly keep: readonly KeptCheckpoint[] }
parentPort?.on('message', (work: Work) =>
  parentPort?.postMessage('keep' in work ? keep(work.keep) : write(work)),
)
parentPort?.postMessage('open')

function write(batch: readonly Append[]): WriteAnswer[] {
  try {
    database.exec('begin immediate')
    const state = {
      position: Number(sql.head.get()?.['next_position']),
      at: new Date().toISOString(),
    }
    const answers = batch.map((append) => writeOne(append, state))
    sql.setHead.run(state.position)
    database.exec('commit')
    return answers
  } catch (error) {
    refs = new Map()
    if (database.isTransaction) database.exec('rollback')
    // What the engine refuses of one must not cost its neighbours.
    if (batch.length > 1) return batch.flatMap((append) => write([append]))
    return [{ error: 'STORE_UNAVAILABLE', problem: String(error) }]
  }
}

function writeOne(append: Append, state: { position: number; at: string }): WriteAnswer {
  const tenantKey = refOf(append.tenantId)
  const streamKey = refOf(append.streamId)
  const { expected } = append
  let version = Number(sql.stream.get(tenantKey, streamKey)?.['version'] ?? 0)
  if (expected !== 'any' && version !== (expected === 'none' ? 0 : expected)) {
    return { error: 'CONFLICT', problem: `the stream is at version ${version}` }
  }
  const bodies = bodiesOf(append, version, state.at)
  if (typeof bodies === 'string') return { error: 'MESSAGE_INVALID', problem: bodies }
  let logIndex = Number(sql.tenantHead.get(tenantKey)?.['next_log_index'] ?? 0)
  for (const [index, event] of append.events.entries()) {
    version += 1
    const body = bodies[index] ?? ''
    const leaf = createHash('sha256').update('\0').update(body).digest()
    const keys = [event.installationId, event.deviceId, sessionOf(append, event.sessionId)]
    const [installationKey = null, deviceKey = null, sessionKey = null] = keys.map((id) =>
      id === undefined ? null : refOf(id),
    )
    sql.add.run(
      ...[state.position, tenantKey, logIndex, streamKey, version, event.type, event.at],
      ...[refOf(event.actor.id), installationKey, deviceKey, sessionKey, body, leaf],
    )
    state.position += 1
    logIndex += 1
  }
  sql.setTenantHead.run(tenantKey, logIndex)
  sql.setStream.run(tenantKey, streamKey, append.streamKind, version)
  return { position: state.position - 1, version }
}

/** The texts that are hashed; or why there are none. Before anything is written: a bad text harms no neighbour. */
function bodiesOf(
  { events, tenantId, streamKind, streamId }: Append,
  before: number,
  recordedAt: string,
): string[] | string {
  try {
    return events.map((event, index) => {
      const version = before + index + 1
      const place = { id: newTimeId(Date.now()), tenantId, streamKind, streamId, version }
      return canonicalJson({ ...event, ...place, schemaVersion: 1, recordedAt })
    })
  } catch (error) {
    return String(error)
  }
}

function sessionOf({ streamKind, streamId }: Append, sessionId?: string): string | undefined {
  return sessionId ?? (streamKind === 'session' ? streamId : undefined)
}

function refOf(id: string): number {
  const known = refs.get(id) ?? sql.ref.get(id)?.['key'] ?? sql.addRef.get(id)?.['key']
  const key = Number(known)
  if (refs.size > 50_000) refs = new Map()
  refs.set(id, key)
  return key
}

/** All in one transaction. A size that was signed before keeps its note; another root for it is refused. */
function keep(checkpoints: readonly KeptCheckpoint[]): KeepAnswer {
  try {
    database.exec('begin immediate')
    for (const { tenantId, size, root, note, at } of checkpoints) {
      const tenantKey = refOf(tenantId)
      const before = sql.rootAt.get(tenantKey, size)?.['root'] as Uint8Array | undefined
      if (before === undefined) sql.keep.run(tenantKey, size, root, note, at)
      else if (!Buffer.from(before).equals(root)) {
        refs = new Map()
        database.exec('rollback')
        return { kept: false, error: 'CONFLICT', problem: `another root of size ${size}` }
      }
    }
    database.exec('commit')
    return { kept: true }
  } catch (error) {
    refs = new Map()
    if (database.isTransaction) database.exec('rollback')
    return { kept: false, error: 'STORE_UNAVAILABLE', problem: String(error) }
  }
}
