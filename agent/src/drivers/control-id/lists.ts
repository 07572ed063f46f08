/**
 * The lists of a Control iD device, read from where they were left. Each page begins with the last row that
 * was read, which proves that it is still the same list: else rows are missing, or the device began anew.
 */
import type { Passage, passageLists } from '@travessia/schemas/passages'
import { type Fields, fieldsOf, idOf, listOf, parsedExactly } from '../answers.ts'

export const pageRows = 500

type ListName = (typeof passageLists)[number]
/** `id@seconds` of the newest row that was read; `''`: the list was empty; undefined: never looked at. */
type Cursor = string | undefined
export type Row = Fields & { readonly id: string; readonly seconds: number }
type Missed = Extract<Passage, { outcome: 'missed' }>
export type Page = {
  /** After the cursor, oldest first. */
  readonly rows: readonly Row[]
  readonly cursor: string
  readonly missed?: Pick<Missed, 'outcome' | 'list' | 'count' | 'key'>
  /** There may be more at once. */
  readonly isFull: boolean
}
/** Asks `load_objects`. @returns the body of the answer */
type Load = (query: string) => Promise<string>

export async function readPage(load: Load, list: ListName, cursor: Cursor): Promise<Page> {
  const read = async (query: string) => rowsOf(await load(query), list)
  const newest = async () => (await read(newestQuery(list)))[0]
  if (cursor === undefined) {
    const row = await newest()
    return { rows: [], cursor: row ? cursorOf(row) : '', isFull: false }
  }
  const lastId = cursor.split('@')[0] || '0'
  const page = await read(pageQuery(list, lastId))
  if (page.length > 0 || cursor === '') return continued(page, list, cursor)
  const row = await newest()
  if (!row || BigInt(row.id) >= BigInt(lastId)) return { rows: [], cursor, isFull: false }
  return continued(await read(pageQuery(list, '0')), list, cursor)
}

/** What follows the cursor in a page that should begin with it. */
function continued(page: readonly Row[], list: ListName, cursor: string): Page {
  const [first] = page
  const last = page.at(-1)
  if (!first || !last) return { rows: [], cursor, isFull: false }
  const isSame = cursorOf(first) === cursor
  const next = { cursor: cursorOf(last), isFull: page.length >= pageRows }
  if (isSame) return { rows: page.slice(1), ...next }
  if (cursor === '') return { rows: page, ...next }
  const [lastId = '0'] = cursor.split('@')
  const gap = BigInt(first.id) - BigInt(lastId) - 1n
  // The last row was deleted and nothing after it.
  if (gap === 0n) return { rows: page, ...next }
  const key = `missed:${list}:${cursor}:${cursorOf(first)}`
  const count = gap > 0n ? { count: Number(gap) } : {}
  return { rows: page, missed: { outcome: 'missed', list, ...count, key }, ...next }
}

export function cursorOf({ id, seconds }: Row): string {
  return `${id}@${seconds}`
}

/** Rows that have an id and a time, in the order of their ids, whatever order the device gives them in. */
function rowsOf(body: string, list: ListName): Row[] {
  const rows = listOf(fieldsOf(parsedExactly(body))[list]).flatMap((value): Row[] => {
    const fields = fieldsOf(value)
    const id = idOf(fields['id'])
    const seconds = Number(fields['time'] ?? fields['timestamp'])
    return id !== undefined && Number.isSafeInteger(seconds) ? [{ ...fields, id, seconds }] : []
  })
  return rows.sort((one, other) => (BigInt(one.id) < BigInt(other.id) ? -1 : 1))
}

/** Written by hand: an id may be beyond 2^53, and here it must be a number. */
function pageQuery(list: ListName, fromId: string): string {
  const where = `{"${list}":{"id":{">=":${fromId}}}}`
  return `{"object":"${list}","where":${where},"order":["id"],"limit":${pageRows}}`
}

function newestQuery(list: ListName): string {
  return JSON.stringify({ object: list, order: ['id', 'descending'], limit: 1 })
}
