/** What the writer keeps beside events, behind the lock of the head row: checkpoints, confirmations, what has expired. */
import type pg from 'pg'
import type { Emptied, Expiry, KeptCheckpoint, KeptCosignature } from './evidence-log.ts'
import { columnsOf } from './postgres-batch.ts'
import { ask, type Connection } from './postgres-connection.ts'
import { monthsBefore, partitionOf } from './postgres-setup.ts'
import type { Keep, KeepAnswer } from './write-queue.ts'

type Place = {
  readonly client: pg.Client
  readonly connection: Connection
  readonly refs: ReadonlyMap<string, number>
}

/** Every id that must have its integer. */
export function idsToKeep(work: Keep['keep']): Set<string> {
  if ('emptiedBefore' in work) return new Set()
  if ('agentId' in work) return new Set([work.tenantId, work.agentId])
  if ('appliedPosition' in work) return new Set([work.tenantId])
  return new Set(work.map(({ tenantId }) => tenantId))
}

export async function keepOne(work: Keep['keep'], place: Place): Promise<KeepAnswer> {
  if ('emptiedBefore' in work) return dropEmptied(work, place)
  if ('agentId' in work) return keepCosignature(work, place)
  return 'appliedPosition' in work ? expire(work, place) : keepCheckpoints(work, place)
}

/**
 * First the leaf is kept, then the event goes: the triggers let nothing else pass (migration 0006). A stream that goes on
 * counts on from what has gone.
 */
async function expire({ tenantId, appliedPosition, first, last }: Expiry, { client, refs }: Place) {
  const tenantKey = refs.get(tenantId) ?? 0
  await ask(client, 'expire', [appliedPosition, tenantKey, first, last])
  await ask(client, 'keepVersions', [tenantKey, first, last])
  await ask(client, 'remove', [tenantKey, first, last])
  return { kept: true } as const
}

/** Each event has gone by itself, under the eyes of its trigger. None is added meanwhile, and who reads is not held up for long. */
async function dropEmptied({ emptiedBefore }: Emptied, { client, connection }: Place) {
  await client.query(`set local lock_timeout = '2s'`)
  const before = partitionOf(emptiedBefore)
  const { rows } = await client.query<{ name: string }>(monthsBefore, [before])
  await connection.asOwner(client, async () => {
    for (const { name } of rows) {
      const { rows: left } = await client.query(`select from ${name} limit 1`)
      if (left.length === 0) await client.query(`drop table ${name}`)
    }
  })
  return { kept: true } as const
}

/** A size that was signed before keeps its note; another root for it is refused. */
async function keepCheckpoints(
  checkpoints: readonly KeptCheckpoint[],
  { client, refs }: Place,
): Promise<KeepAnswer> {
  const rows = checkpoints.map(({ tenantId, size, root, note, at }) => {
    return [refs.get(tenantId) ?? 0, size, root, note, at]
  })
  await ask(client, 'keep', columnsOf(rows, 5))
  const kept = await ask(client, 'kept', columnsOf(rows, 2))
  const roots = new Map(kept.map((row) => [`${row['tenant_key']} ${row['size']}`, row['root']]))
  const other = rows.find(([tenant, size, root]) => {
    return !(roots.get(`${tenant} ${size}`) as Buffer).equals(root as Uint8Array)
  })
  if (!other) return { kept: true }
  return { kept: false, error: 'CONFLICT', problem: `another root of size ${other[1]}` }
}

async function keepCosignature(one: KeptCosignature, { client, refs }: Place) {
  const { size, line, key, at } = one
  const keys = [refs.get(one.tenantId), refs.get(one.agentId)]
  await ask(client, 'witness', [...keys, size, line, key, at])
  return { kept: true } as const
}
