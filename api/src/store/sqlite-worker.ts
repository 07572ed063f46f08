/**
 * The one writer of the log, in a worker thread: takes a batch of appends, writes those whose expectation
 * holds in ONE transaction (WAL, synchronous=FULL), and answers after the commit. Killed before the commit:
 * nobody was told yes. Killed after: the events are there, the callers learn it from the log.
 */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { takeOrders } from '../thread.ts'
import type { Append } from './event-store.ts'
import {
  answerLate,
  expectedVersion,
  leafOf,
  type Standing,
  sessionOf,
  textsOf,
  type WriteAnswer,
} from './event-text.ts'
import type { Expiry, KeptCheckpoint, KeptCosignature } from './evidence-log.ts'
import { Hours, hourStatement } from './hours.ts'
import { migrate, migrationLimitMs } from './migrations.ts'
import { expireStatements } from './query.ts'
import type { Keep, KeepAnswer, Work, WriterNews } from './write-queue.ts'

const database = new DatabaseSync(String(workerData.path))
database.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full')
// Every index has its own last page for each key, so a batch touches many: kept in memory, and carried into the file seldom (32 and 64 MB).
database.exec('pragma cache_size = -32000; pragma wal_autocheckpoint = 16000')
// Beside a long reading nothing is carried over from its begin on: afterwards the room is given back.
database.exec('pragma journal_size_limit = 68000000')
const tell = () => parentPort?.postMessage('waits' satisfies WriterNews)
migrate(database, { patience: { limitMs: migrationLimitMs, tell } })

const sql = {
  ref: database.prepare('select key from ref where id = ?'),
  addRef: database.prepare('insert into ref(id) values (?) returning key'),
  head: database.prepare('select next_position from log_head'),
  setHead: database.prepare('update log_head set next_position = ?'),
  tenantHead: database.prepare('select next_log_index from tenant_head where tenant_key = ?'),
  setTenantHead: database.prepare(
    `insert into tenant_head values (?, ?)
      on conflict (tenant_key) do update set next_log_index = excluded.next_log_index`,
  ),
  stream: database.prepare('select version from stream where tenant_key = ? and stream_key = ?'),
  setStream: database.prepare(
    `insert into stream values (?, ?, ?, ?)
      on conflict (tenant_key, stream_key) do update set version = excluded.version`,
  ),
  standing: database.prepare(
    'select position, body from event where stream_key = ? and version > ? order by version limit ?',
  ),
  hour: database.prepare(hourStatement),
  add: database.prepare(`insert into event(position, tenant_key, log_index, stream_key, version, type_key, actor_key,
      installation_key, device_key, session_key, leaf_hash, body) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
  rootAt: database.prepare('select root from checkpoint where tenant_key = ? and size = ?'),
  expire: database.prepare(expireStatements.keep),
  remove: database.prepare(expireStatements.remove),
  keep: database.prepare('insert into checkpoint values (?, ?, ?, ?, ?)'),
  witness: database.prepare('insert or ignore into cosignature values (?, ?, ?, ?, ?, ?)'),
}

let refs = new Map<string, number>()

takeOrders((work: Work) =>
  parentPort?.postMessage(typeof work === 'string' ? write(JSON.parse(work)) : kept(work.keep)),
)
parentPort?.postMessage('open' satisfies WriterNews)

function write(batch: readonly Append[]): WriteAnswer[] {
  try {
    database.exec('begin immediate')
    const state: Batch = {
      position: Number(sql.head.get()?.['next_position']),
      at: new Date().toISOString(),
      hours: new Hours(),
      streams: new Map(),
      logIndexes: new Map(),
    }
    const answers = batch.map((append) => writeOne(append, state))
    keepHeads(state)
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

type StreamHead = {
  readonly keys: readonly [tenant: number, stream: number]
  readonly kind: string
  version: number
}
type Batch = {
  position: number
  readonly at: string
  readonly hours: Hours
  /** As the batch leaves them; by tenant and stream. */
  readonly streams: Map<string, StreamHead>
  /** The next one of each tenant that the batch writes to. */
  readonly logIndexes: Map<number, number>
}

/** Once for all events of the batch. */
function keepHeads({ position, hours, streams, logIndexes }: Batch): void {
  for (const { tenantKey, hour, first, last } of hours.all())
    sql.hour.run(tenantKey, hour, first, last)
  for (const { keys, kind, version } of streams.values()) sql.setStream.run(...keys, kind, version)
  for (const [tenantKey, logIndex] of logIndexes) sql.setTenantHead.run(tenantKey, logIndex)
  sql.setHead.run(position)
}

function writeOne(append: Append, state: Batch): WriteAnswer {
  const tenantKey = refOf(append.tenantId)
  const streamKey = refOf(append.streamId)
  const expected = expectedVersion(append)
  const { version: before } = state.streams.get(streamOf(append)) ?? {
    version: Number(sql.stream.get(tenantKey, streamKey)?.['version'] ?? 0),
  }
  if (expected !== undefined && before !== expected) {
    const standing = sql.standing.all(streamKey, expected, append.events.length) as Standing[]
    return answerLate(append, before, standing)
  }
  const bodies = textsOf(append, before, state.at)
  if (typeof bodies === 'string') return { error: 'MESSAGE_INVALID', problem: bodies }
  const version = addEvents(append, { tenantKey, streamKey, before, bodies }, state)
  const head = { keys: [tenantKey, streamKey], kind: append.streamKind, version } as const
  state.streams.set(streamOf(append), head)
  return { position: state.position - 1, version }
}

type Place = {
  readonly tenantKey: number
  readonly streamKey: number
  /** Version of the stream. */
  readonly before: number
  readonly bodies: readonly string[]
}

/** @returns the version that the stream has then */
function addEvents(append: Append, place: Place, state: Batch): number {
  const { tenantKey, streamKey, before, bodies } = place
  let logIndex =
    state.logIndexes.get(tenantKey) ??
    Number(sql.tenantHead.get(tenantKey)?.['next_log_index'] ?? 0)
  let version = before
  for (const event of append.events) {
    const body = bodies[version - before] ?? ''
    version += 1
    const { installationId, deviceId } = event
    sql.add.run(
      ...[state.position, tenantKey, logIndex, streamKey, version],
      ...[refOf(event.type), refOf(event.actor.id)],
      ...[refOrNull(installationId), refOrNull(deviceId)],
      ...[refOrNull(sessionOf(append, event.sessionId)), leafOf(body), body],
    )
    state.hours.note(tenantKey, event.at, state.position)
    state.position += 1
    logIndex += 1
  }
  state.logIndexes.set(tenantKey, logIndex)
  return version
}

function streamOf({ tenantId, streamId }: Append): string {
  return `${tenantId} ${streamId}`
}

function refOrNull(id: string | undefined): number | null {
  return id === undefined ? null : refOf(id)
}

function refOf(id: string): number {
  const known = refs.get(id) ?? sql.ref.get(id)?.['key'] ?? sql.addRef.get(id)?.['key']
  const key = Number(known)
  if (refs.size > 50_000) refs = new Map()
  refs.set(id, key)
  return key
}

/** All in one transaction. */
function kept(work: Keep['keep']): KeepAnswer {
  try {
    database.exec('begin immediate')
    const answer = keepOne(work)
    database.exec(answer.kept ? 'commit' : 'rollback')
    if (!answer.kept) refs = new Map()
    return answer
  } catch (error) {
    refs = new Map()
    if (database.isTransaction) database.exec('rollback')
    return { kept: false, error: 'STORE_UNAVAILABLE', problem: String(error) }
  }
}

function keepOne(work: Keep['keep']): KeepAnswer {
  if ('emptiedBefore' in work) return { kept: true }
  if ('agentId' in work) return keepCosignature(work)
  return 'appliedPosition' in work ? expire(work) : keepCheckpoints(work)
}

/** First the leaf is kept, then the event goes: the triggers let nothing else pass (migration 0006). */
function expire({ tenantId, appliedPosition, first, last }: Expiry): KeepAnswer {
  const tenantKey = refOf(tenantId)
  sql.expire.run(appliedPosition, tenantKey, first, last)
  sql.remove.run(tenantKey, first, last)
  return { kept: true }
}

/** A size that was signed before keeps its note; another root for it is refused. */
function keepCheckpoints(checkpoints: readonly KeptCheckpoint[]): KeepAnswer {
  for (const { tenantId, size, root, note, at } of checkpoints) {
    const tenantKey = refOf(tenantId)
    const before = sql.rootAt.get(tenantKey, size)?.['root'] as Uint8Array | undefined
    if (before === undefined) sql.keep.run(tenantKey, size, root, note, at)
    else if (!Buffer.from(before).equals(root))
      return { kept: false, error: 'CONFLICT', problem: `another root of size ${size}` }
  }
  return { kept: true }
}

function keepCosignature({ tenantId, agentId, size, line, key, at }: KeptCosignature): KeepAnswer {
  sql.witness.run(refOf(tenantId), refOf(agentId), size, line, key, at)
  return { kept: true }
}
