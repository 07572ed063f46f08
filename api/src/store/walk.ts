/** How each engine is told to walk one index of the tenant in its order: neither a scan, nor sorting, nor luck. */

export type Values = Array<string | number>
export type Query = { readonly sql: string; readonly values: Values }

/** A column of an index and what it must be. */
export type Key = { readonly column: string } & Query

export type Walk = {
  /** The columns of the index before `position`: one or two. */
  readonly keys: readonly [first: Key, second?: Key | undefined]
  readonly after?: Query | undefined
  readonly before?: Query | undefined
  readonly isOldestFirst: boolean
}
export type Walked = { readonly where: string; readonly values: Values; readonly order: string }
export type Walker = {
  readonly walk: (walk: Walk) => Walked
  /** Keys that have an index with the type before `position`: one walk a type. In that of another key types are walked past. */
  readonly typed: readonly string[]
  /** A list for each of these, which are ids of that column. */
  readonly each: (column: string, ids: readonly string[], list: (one: Key) => Query) => Query[]
}

export const key = '(select key from ref where id = ?)'

export function keyOf(column: string, id: string): Key {
  return { column, sql: key, values: [id] }
}

/** SQLite takes a list of nothing, PostgreSQL does not: nothing is equal to null. */
export function marksFor(values: readonly unknown[]): string {
  return values.length === 0 ? 'null' : values.map(() => '?').join(',')
}

/**
 * SQLite keeps no statistics here: it takes the index with the most of the columns, but between two bounds it holds one column
 * for as good as two, unless it is told that the narrower key is seldom met.
 * Indexes of a key have the type behind `position`: one that is not wanted costs 0.04 µs, and its row is not read.
 */
export const sqliteWalker: Walker = {
  walk: walkInSqlite,
  typed: [],
  each: (column, ids, list) => ids.map((id) => list(keyOf(column, id))),
}

function walkInSqlite({ keys: [key, narrower], after, before, isOldestFirst }: Walk): Walked {
  const conditions = [
    is('=', key),
    ...(narrower ? [unlikely(is('=', narrower))] : []),
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
 * PostgreSQL chooses by statistics, which are old after much was written. So it is asked for the order of all columns, which
 * only this index has, and connections that read do not sort (`postgres-reader.ts`); the first key is given as a list of one,
 * since an equality would take it out of that order. Where a walk begins, the second and the place are compared as one; where
 * it ends, only a column by itself says: after a row that is compared the engine reads on to the end of the first key.
 */
export const postgresWalker: Walker = {
  walk: walkInPostgres,
  typed: ['device_key'],
  each: eachInPostgres,
}

function walkInPostgres({ keys: [key, narrower], after, before, isOldestFirst }: Walk): Walked {
  const first = { column: 'position', ...(after ?? { sql: '0', values: [] }) }
  const last = {
    column: 'position',
    ...(before ?? { sql: String(Number.MAX_SAFE_INTEGER), values: [] }),
  }
  const span = narrower
    ? spanWithin(narrower, { first, last, isOldestFirst })
    : [is('>', first), is('<', last)]
  const conditions = [listOfOne(key), ...span]
  const columns = [key.column, ...(narrower ? [narrower.column] : []), 'position']
  return {
    where: conditions.map(({ sql }) => sql).join(' and '),
    values: conditions.flatMap(({ values }) => values),
    order: columns.map((column) => `${column}${isOldestFirst ? '' : ' desc'}`).join(', '),
  }
}

/** One plan for all of them: each has as many parts as there are months. */
function eachInPostgres(column: string, ids: readonly string[], list: (one: Key) => Query) {
  const { sql, values } = list({ column, sql: 'wanted.key', values: [] })
  const each = `select walked.* from ref as wanted cross join lateral (${sql}) as walked`
  return [{ sql: `${each} where wanted.id in (${marksFor(ids)})`, values: [...values, ...ids] }]
}

type Span = { readonly first: Key; readonly last: Key; readonly isOldestFirst: boolean }

function spanWithin(key: Key, { first, last, isOldestFirst }: Span): Query[] {
  if (isOldestFirst) return [rowOf('>', key, first), is('<=', key), is('<', last)]
  return [rowOf('<', key, last), is('>=', key), is('>', first)]
}

function listOfOne({ column, sql, values }: Key): Query {
  return { sql: `${column} = any(array[${sql}])`, values }
}

function unlikely({ sql, values }: Query): Query {
  return { sql: `unlikely(${sql})`, values }
}

function is(mark: string, { column, sql, values }: Key): Query {
  return { sql: `${column} ${mark} ${sql}`, values }
}

function rowOf(mark: string, key: Key, place: Key): Query {
  return {
    sql: `(${key.column}, position) ${mark} (${key.sql}, ${place.sql})`,
    values: [...key.values, ...place.values],
  }
}
