/** The conditions of a filter in SQL: each single key has its index. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventFilter } from './event-store.ts'

const key = '(select key from ref where id = ?)'

type Query = { conditions: string[]; values: Array<string | number> }

/** @throws TravessiaError MESSAGE_INVALID for a cursor that is not ours */
export function conditionsOf(filter: Omit<EventFilter, 'limit'>): Query {
  const conditions = [`tenant_key = ${key}`]
  const values: Array<string | number> = [filter.tenantId]
  const where = (condition: string, ...more: Array<string | number>) => {
    conditions.push(condition)
    values.push(...more)
  }
  if (filter.installationId !== undefined) where(`installation_key = ${key}`, filter.installationId)
  if (filter.actorId !== undefined) where(`actor_key = ${key}`, filter.actorId)
  if (filter.deviceId !== undefined) where(`device_key = ${key}`, filter.deviceId)
  if (filter.sessionId !== undefined) where(`session_key = ${key}`, filter.sessionId)
  if (filter.installationIds) {
    const ids = `select key from ref where id in (${marksFor(filter.installationIds)})`
    where(`installation_key in (${ids})`, ...filter.installationIds)
  }
  if (filter.types) where(`type in (${marksFor(filter.types)})`, ...filter.types)
  if (filter.from !== undefined) where('at >= ?', new Date(filter.from).toISOString())
  if (filter.to !== undefined) where('at <= ?', new Date(filter.to).toISOString())
  if (filter.cursor !== undefined) where('position < ?', cursorOf(filter.cursor))
  return { conditions, values }
}

function marksFor(values: readonly unknown[]): string {
  return values.map(() => '?').join(',')
}

function cursorOf(text: string): number {
  const position = Number(text)
  if (!/^\d{1,15}$/.test(text) || position < 1)
    throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  return position
}
