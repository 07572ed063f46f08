/** How each engine is told to walk one index of the tenant in its order: neither a scan, nor sorting, nor luck. */

export type Values = Array<string | number>
export type Query = { readonly sql: string; readonly values: Values }

/** A column of an index and what it must be. */
export type Key = { readonly column: string } & Query

export type Walk = {
  /** The columns of the index before `position`. */
  readonly keys: readonly Key[]
  readonly after?: Query | undefined
  readonly before?: Query | undefined
  readonly isOldestFirst: boolean
}
export type Walked = { readonly where: string; readonly values: Values; readonly order: string }
export type Walker = (walk: Walk) => Walked

/** SQLite keeps no statistics here: it takes the index with the most of the columns. */
export function walkInSqlite({ keys, after, before, isOldestFirst }: Walk): Walked {
  const conditions = [
    ...keys.map(({ column, sql, values }) => ({ sql: `${column} = ${sql}`, values })),
    ...(after ? [{ sql: `position > ${after.sql}`, values: after.values }] : []),
    ...(before ? [{ sql: `position < ${before.sql}`, values: before.values }] : []),
  ]
  return {
    where: conditions.map(({ sql }) => sql).join(' and '),
    values: conditions.flatMap(({ values }) => values),
    order: isOldestFirst ? 'position' : 'position desc',
  }
}

/**
 * PostgreSQL chooses by statistics, which are old after much was written. So keys and place are compared as one, and it is
 * asked for the order of all of them: only this index has it, and connections that read do not sort (`postgres-reader.ts`).
 */
export function walkInPostgres({ keys, after, before, isOldestFirst }: Walk): Walked {
  const [, ...narrower] = keys
  const bounds = [
    { mark: '>', bound: after ?? { sql: '0', values: [] } },
    { mark: '<', bound: before ?? { sql: String(Number.MAX_SAFE_INTEGER), values: [] } },
  ]
  const columns = [...keys.map(({ column }) => column), 'position']
  const sides = bounds.map(({ mark, bound }) => {
    const parts = [...keys, bound]
    const side = parts.map(({ sql }) => sql).join(', ')
    const values = parts.flatMap((part) => part.values)
    return { sql: `(${columns.join(', ')}) ${mark} (${side})`, values }
  })
  return {
    where: [
      ...narrower.map(({ column }) => `${column} is not null`),
      ...sides.map(({ sql }) => sql),
    ].join(' and '),
    values: sides.flatMap(({ values }) => values),
    order: columns.map((column) => `${column}${isOldestFirst ? '' : ' desc'}`).join(', '),
  }
}
