/** A filter of sessions in SQL: one index of the tenant, in log order, between the first and the last opened in that time. */
import { maxSessionSeconds } from '../domain/session.ts'
import { isoTime } from '../store/iso-time.ts'
import type { SessionFilter } from './sessions.ts'

type Value = string | number

export function sessionsQuery(filter: SessionFilter): { sql: string; values: Value[] } {
  const { tenantId, installationIds, installationId, deviceId, userId, activeAt } = filter
  const conditions = ['tenant = ?']
  const values: Value[] = [tenantId]
  const where = (condition: string, ...more: readonly Value[]) => {
    conditions.push(condition)
    values.push(...more)
  }
  if (installationId !== undefined) where('installation = ?', installationId)
  if (deviceId !== undefined) where('device = ?', deviceId)
  if (userId !== undefined) where('user = ?', userId)
  if (filter.status !== undefined) where('+status = ?', filter.status)
  if (installationIds !== null)
    where('+installation in (select value from json_each(?))', JSON.stringify(installationIds))
  if (activeAt !== undefined) {
    const at = isoTime(activeAt)
    where("status <> 'DENIED' and expires_at > ? and (ended_at is null or ended_at > ?)", at, at)
  }
  if (filter.hasGaps !== undefined)
    where(`${filter.hasGaps ? '' : 'not '}exists (select 1 from gap where stream = session.id)`)
  const before = filter.beforePosition ?? Number.MAX_SAFE_INTEGER
  const span = spanOf(filter)
  if (span) {
    const opened = 'from session where tenant = ? and opened_at between ? and ?'
    where('opened_at between ? and ?', ...span)
    where(`position >= (select min(position) ${opened})`, tenantId, ...span)
    where(`position < min(?, (select max(position) + 1 ${opened}))`, before, tenantId, ...span)
  } else where('position < ?', before)
  const sql = `select * from session where ${conditions.join(' and ')} order by position desc limit ?`
  return { sql, values: [...values, filter.limit] }
}

/** When it was opened, at the earliest and latest; undefined: at any time. */
function spanOf({ from, to, activeAt }: SessionFilter): [string, string] | undefined {
  if (from === undefined && to === undefined && activeAt === undefined) return undefined
  const earliest = [from, activeAt && new Date(activeAt).getTime() - maxSessionSeconds * 1000]
  const latest = [to, activeAt]
  const times = (some: ReadonlyArray<string | number | undefined>) =>
    some.flatMap((time) => (time === undefined ? [] : isoTime(time)))
  return [times(earliest).sort().at(-1) ?? '', times(latest).sort()[0] ?? '~']
}
