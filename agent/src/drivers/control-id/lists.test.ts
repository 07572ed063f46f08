import { expect, test } from 'vitest'
import { idOf, parsedExactly } from '../answers.ts'
import { pageRows, readPage } from './lists.ts'

type Given = { readonly id: unknown; readonly time: number }

/** A device that holds these rows; what it was asked. */
function device(rows: readonly Given[]) {
  const asked: string[] = []
  const load = async (query: string) => {
    asked.push(query)
    const { limit } = JSON.parse(query) as { limit: number }
    const from = /">=":(\d+)/.exec(query)?.[1]
    const isWanted = ({ id }: Given) => from === undefined || BigInt(String(id)) >= BigInt(from)
    const wanted = rows.filter(isWanted)
    const given = from === undefined ? wanted.slice(-limit) : wanted.slice(0, limit)
    const text = given.map(({ id, time }) => `{"id":${id},"time":${time},"event":7}`)
    return `{"access_logs":[${text.join()}]}`
  }
  const read = (cursor: string | undefined) => readPage(load, 'access_logs', cursor)
  return { read, asked }
}

const row = (id: unknown, time = 100) => ({ id, time })
const many = (count: number) => Array.from({ length: count }, (_, index) => row(index + 1))

test('at the first look nothing is told: what came before is the device’s', async () => {
  expect(await device([row(1), row(7, 170)]).read(undefined)).toEqual({
    ...{ rows: [], cursor: '7@170', isFull: false },
  })
  expect(await device([]).read(undefined)).toEqual({ rows: [], cursor: '', isFull: false })
})

test('afterwards only what follows the last row, whole pages at a time, each row once', async () => {
  const { read } = device(many(1_200))
  const seen: string[] = []
  let cursor = '1@100'
  for (let page = await read(cursor); ; page = await read(cursor)) {
    seen.push(...page.rows.map(({ id }) => id))
    cursor = page.cursor
    expect(page.missed).toBeUndefined()
    if (!page.isFull) break
  }
  expect(seen).toEqual(
    many(1_200)
      .slice(1)
      .map(({ id }) => String(id)),
  )
  expect(pageRows).toBeLessThanOrEqual(500)
})

test('ids beyond 2^53 are neither rounded in the question nor in the answer', async () => {
  const big = '9007199254740993'
  const { read, asked } = device([row(big), row('9007199254740994')])
  const page = await read(`${big}@100`)
  expect(page.rows.map(({ id }) => id)).toEqual(['9007199254740994'])
  expect(asked[0]).toContain(`{">=":${big}}`)
})

test('rows that the device has deleted meanwhile are counted', async () => {
  const { read } = device([row(9, 190), row(10, 191)])
  const page = await read('5@150')
  expect(page.missed).toEqual({
    ...{ outcome: 'missed', list: 'access_logs', count: 3 },
    key: 'missed:access_logs:5@150:9@190',
  })
  expect(page.rows.map(({ id }) => id)).toEqual(['9', '10'])
})

test.each([
  ['with smaller numbers', [row(1, 900), row(2, 901)], ['1', '2']],
  ['already beyond the last number', [row(5, 900), row(6, 901)], ['5', '6']],
])('a list that began anew, %s, is said so and read again', async (_, rows, ids) => {
  const page = await device(rows).read('5@150')
  expect(page.missed).toMatchObject({ outcome: 'missed', list: 'access_logs' })
  expect(page.missed).not.toHaveProperty('count')
  expect(page.rows.map(({ id }) => id)).toEqual(ids)
})

test('an erased list that is still empty keeps the place', async () => {
  expect(await device([]).read('5@150')).toEqual({ rows: [], cursor: '5@150', isFull: false })
})

test('rows out of order, without an id or a time, and answers of another form do no harm', async () => {
  const answer = `{"access_logs":[{"id":3,"time":103},{"id":2,"time":102},{"id":"x","time":1},{"id":4},7,null]}`
  const page = await readPage(async () => answer, 'access_logs', '1@100')
  expect(page.rows.map(({ id }) => id)).toEqual(['2', '3'])
  for (const body of ['', 'null', '[]', '{"access_logs":7}'])
    expect((await readPage(async () => body, 'access_logs', '')).rows).toEqual([])
})

test('an answer made to be slow to read is not', () => {
  const begun = performance.now()
  for (const evil of ['\\"', '"', '"\\', '1', '-'])
    parsedExactly(`"${evil.repeat(100_000 / evil.length)}`)
  expect(performance.now() - begun).toBeLessThan(2_000)
})

test('whole numbers keep all their digits, whatever stands beside them', () => {
  const text =
    '{"id":122641794705028910,"s":"1234567890123456789 \\" 9999999999999999","n":-1.5e3,"k":12}'
  expect(parsedExactly(text)).toEqual({
    ...{ id: '122641794705028910', s: '1234567890123456789 " 9999999999999999', n: -1500, k: 12 },
  })
  expect(parsedExactly('{"a":"')).toBeUndefined()
  expect([idOf(5), idOf('007'), idOf('122641794705028910')]).toEqual([
    '5',
    '7',
    '122641794705028910',
  ])
  for (const wrong of [1.5, -1, '', 'x', '1e3', 2 ** 60, null, '9'.repeat(21)])
    expect(idOf(wrong)).toBeUndefined()
})
