/**
 * Writes batches of appends to PostgreSQL, each in ONE transaction under the lock of the head row, so that positions are
 * dense and in the order of commits, whatever other nodes do. Killed before the commit: nobody was told yes. Connection
 * lost while committing: asks the log, behind that lock, whether the batch is in it, and answers as it is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Append } from './event-store.ts'
import { answerLate, expectedVersion, type Standing, type WriteAnswer } from './event-text.ts'
import {
  columnsOf,
  eventColumnsOf,
  idsOf,
  type Plan,
  planBatch,
  streamKeyOf,
} from './postgres-batch.ts'
import { type Access, ask, Connection, isConnectionLost, problemOf } from './postgres-connection.ts'
import { Heads } from './postgres-heads.ts'
import { idsToKeep, keepOne } from './postgres-keeping.ts'
import { addPartition, bucketOf } from './postgres-setup.ts'
import type { Keep, KeepAnswer } from './write-queue.ts'

/** How long callers wait to hear whether their batch was committed, and how often the database is tried meanwhile. */
const settleWithinMs = 5_000
const retryMs = 100
const maxRefs = 50_000
/** What `moveHead` fails with when another node has written. */
const divisionByZero = '22012'
/** Full disk, too many connections, a lock that somebody keeps, shutdown, failed I/O: true for the neighbours as well. */
const sharedTrouble = /^(53|55P03|57|58)/

type Locked = { readonly position: number; readonly refs: ReadonlyMap<string, number> }

export class PostgresWriter {
  readonly #connection: Connection
  readonly #partitions = new Set<string>()
  readonly #heads = new Heads()
  #refs = new Map<string, number>()

  constructor(access: Access, listen: (position: number) => void) {
    this.#connection = new Connection(access, listen)
  }

  async open(): Promise<void> {
    await this.#connection.open()
  }

  async write(batch: readonly Append[]): Promise<WriteAnswer[]> {
    let client: pg.Client | undefined
    let plan: Plan | undefined
    try {
      client = await this.#connection.open()
      plan = this.#planFromMemory(batch)
      if (!plan || !(await commitFrom(client, this.#heads.position, plan))) {
        // They are as if it had been written.
        if (plan) this.#heads.forget()
        plan = undefined
        plan = await this.#plan(client, batch)
        await commit(client, plan)
      }
      this.#heads.position = plan.nextPosition
      return await answersOf(client, batch, plan)
    } catch (error) {
      const isLost = await this.#giveUp(client, error)
      if (isLost && plan?.last) return this.#settle(batch, plan)
      if (isLost || batch.length === 1 || sharedTrouble.test(problemOf(error)))
        return refuseAll(batch, problemOf(error))
      // What the engine refuses of one must not cost its neighbours.
      const answers: WriteAnswer[] = []
      for (const append of batch) answers.push(...(await this.write([append])))
      return answers
    }
  }

  /** All in one transaction. */
  async keep(work: Keep['keep']): Promise<KeepAnswer> {
    let client: pg.Client | undefined
    try {
      client = await this.#connection.open()
      const { refs } = await this.#lock(client, idsToKeep(work))
      const answer = await keepOne(work, { client, refs, connection: this.#connection })
      await client.query(answer.kept ? 'commit' : 'rollback')
      if (!answer.kept) this.#refs = new Map()
      // A stream of a month that has gone and goes on makes it anew.
      if ('emptiedBefore' in work) this.#partitions.clear()
      return answer
    } catch (error) {
      await this.#giveUp(client, error)
      return { kept: false, error: 'STORE_UNAVAILABLE', problem: problemOf(error) }
    }
  }

  /** Undefined: something must be asked first, or nothing would be written that proves that no other node has. */
  #planFromMemory(batch: readonly Append[]): Plan | undefined {
    const refs = this.#refs
    if (this.#heads.unknown(batch, refs).length > 0) return
    for (const id of idsOf(batch)) if (!refs.has(id)) return
    const buckets = this.#heads.bucketsOf(batch, refs)
    if (buckets.some((bucket) => !this.#partitions.has(bucket))) return
    const plan = this.#planBatch(batch, this.#heads.position)
    return plan.last && plan
  }

  async #plan(client: pg.Client, batch: readonly Append[]): Promise<Plan> {
    const { position, refs } = await this.#lock(client, idsOf(batch))
    this.#heads.at(position)
    await this.#learn(client, this.#heads.unknown(batch, refs))
    const plan = this.#planBatch(batch, position)
    for (const bucket of plan.buckets) {
      if (this.#partitions.has(bucket)) continue
      await this.#connection.asOwner(client, () => addPartition(client, bucket))
      this.#partitions.add(bucket)
    }
    return plan
  }

  #planBatch(batch: readonly Append[], position: number): Plan {
    const time = new Date()
    const { streams, tenants } = this.#heads
    const place = { position, at: time.toISOString(), month: bucketOf(time) }
    return planBatch(batch, { ...place, refs: this.#refs, streams, tenants })
  }

  async #learn(client: pg.Client, unknown: readonly Append[]): Promise<void> {
    if (unknown.length === 0) return
    const keys = (id: (append: Append) => string) =>
      unknown.map((append) => this.#refs.get(id(append)))
    const [tenantKeys, streamKeys] = [keys((one) => one.tenantId), keys((one) => one.streamId)]
    const [streams, tenants] = await Promise.all([
      ask(client, 'streams', [tenantKeys, streamKeys]),
      ask(client, 'tenants', [tenantKeys]),
    ])
    for (const { tenant_key, stream_key, version, bucket } of streams)
      this.#heads.streams.set(streamKeyOf(Number(tenant_key), Number(stream_key)), {
        ...{ version: Number(version), bucket: String(bucket) },
      })
    for (const { tenant_key, next_log_index } of tenants)
      this.#heads.tenants.set(Number(tenant_key), Number(next_log_index))
  }

  /** From here on no other node writes, until commit or rollback. */
  async #lock(client: pg.Client, ids: ReadonlySet<string>): Promise<Locked> {
    // Before it is said what is unknown: of what is known then nothing may go.
    if (this.#refs.size > maxRefs) this.#refs = new Map()
    const unknown = [...ids].filter((id) => !this.#refs.has(id))
    const [, [head], added] = await Promise.all([
      client.query('begin'),
      ask(client, 'lockHead'),
      unknown.length === 0 ? [] : ask(client, 'refs', [unknown]),
    ])
    for (const row of added) this.#refs.set(String(row['id']), Number(row['key']))
    return { position: Number(head?.['next_position']), refs: this.#refs }
  }

  /** @returns true: the connection is gone, and what was asked on it last may have been done */
  async #giveUp(client: pg.Client | undefined, error: unknown): Promise<boolean> {
    this.#refs = new Map()
    this.#heads.forget()
    this.#partitions.clear()
    if (!client || isConnectionLost(error)) {
      if (client) this.#connection.close(client)
      return true
    }
    await client.query('rollback').catch(() => undefined)
    return false
  }

  async #settle(batch: readonly Append[], plan: Plan): Promise<WriteAnswer[]> {
    const until = Date.now() + settleWithinMs
    while (Date.now() < until) {
      let client: pg.Client | undefined
      try {
        client = await this.#connection.open()
        if (!(await isThere(client, plan))) return refuseAll(batch, 'the connection was lost')
        return await answersOf(client, batch, plan)
      } catch (error) {
        await this.#giveUp(client, error)
        await sleep(retryMs)
      }
    }
    return refuseAll(batch, 'the connection was lost, not known whether it was written')
  }
}

/** One way there and back. @returns false: another node has written meanwhile, and nothing was done */
async function commitFrom(client: pg.Client, position: number, plan: Plan): Promise<boolean> {
  try {
    await finish(client, plan, [
      client.query('begin'),
      ask(client, 'moveHead', [position, plan.nextPosition]),
    ])
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== divisionByZero) throw error
    return false
  }
}

async function commit(client: pg.Client, plan: Plan): Promise<void> {
  // Also without an event: the integers of new ids are known here from now on.
  if (plan.last) await finish(client, plan, [ask(client, 'setHead', [plan.nextPosition])])
  else await client.query('commit')
}

/** Together with the rows, in one way there and back. */
async function finish(client: pg.Client, plan: Plan, first: Array<Promise<unknown>>) {
  const hours = [...plan.hours.all()].map(({ tenantKey, hour, first, last }) => {
    return [tenantKey, hour, first, last]
  })
  const rows = [
    ask(client, 'addEvents', eventColumnsOf(plan.events)),
    plan.streams.size > 0 && ask(client, 'addStreams', columnsOf([...plan.streams.values()], 5)),
    ask(client, 'setTenants', columnsOf([...plan.tenants.values()], 2)),
    ask(client, 'setHours', columnsOf(hours, 4)),
  ]
  const [{ command }] = await Promise.all([client.query('commit'), ...first, ...rows])
  if (command !== 'COMMIT') throw new TypeError('the transaction was rolled back')
}

/** The last event of the batch, at its place? Asked behind the lock: a commit that is still under way has ended then. */
async function isThere(client: pg.Client, { last }: Plan): Promise<boolean> {
  const [, , [row]] = await Promise.all([
    client.query('begin'),
    ask(client, 'lockHead'),
    ask(client, 'at', [last?.position]),
    client.query('rollback'),
  ])
  return row !== undefined && (JSON.parse(String(row['body'])) as { id: string }).id === last?.id
}

/** Those that came late are looked up: a repetition gets the answer of the first time. */
async function answersOf(
  client: pg.Client,
  batch: readonly Append[],
  plan: Plan,
): Promise<WriteAnswer[]> {
  return Promise.all(
    batch.map(async (append, index): Promise<WriteAnswer> => {
      const answer = plan.answers[index]
      if (!answer) throw new TypeError('an append without an answer')
      if (!('late' in answer)) return answer
      const { streamKey, version } = answer.late
      const after = expectedVersion(append) ?? 0
      const standing = await ask(client, 'standing', [streamKey, after, append.events.length])
      return answerLate(append, version, standing.map(toStanding))
    }),
  )
}

function toStanding(row: Record<string, unknown>): Standing {
  return { position: Number(row['position']), body: String(row['body']) }
}

function refuseAll(batch: readonly Append[], problem: string): WriteAnswer[] {
  return batch.map(() => ({ error: 'STORE_UNAVAILABLE', problem }))
}
