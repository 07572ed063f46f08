/** What whoever owns the database may do to the log behind the node's back, text and leaf alike, and what bundles tell of it. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { leafHash } from '@travessia/schemas/evidence/merkle'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { afterAll, expect, test } from 'vitest'
import { createTestLog } from './bundle.fixture.ts'
import { bundledLogs, checksOf, rangeOf, unprovenAt } from './verify.fixture.ts'

const size = 41
const { log, check, whole, close } = await bundledLogs(size)
const database = opened(log.directory)
const columns = database
  .prepare("select name from pragma_table_info('event')")
  .all()
  .map(({ name }) => name)
  .join()
afterAll(async () => {
  database.close()
  await close()
})

function opened(directory: string): DatabaseSync {
  const file = new DatabaseSync(join(directory, 'events.db'), { timeout: 5_000 })
  const triggers = file.prepare("select name from sqlite_master where type = 'trigger'").all()
  for (const { name } of triggers) file.exec(`drop trigger ${String(name)}`)
  return file
}

/** @returns what verify says after this was done; then it is as it was */
async function after(change: (file: DatabaseSync) => void, verify: () => ReturnType<typeof check>) {
  database.exec(`create temp table kept as select ${columns} from event`)
  change(database)
  return verify().finally(() =>
    database.exec(
      `delete from event; insert into event(${columns}) select * from kept; drop table kept`,
    ),
  )
}

function alter(file: DatabaseSync, place: number): void {
  const { body } = file.prepare('select body from event where log_index = ?').get(place) ?? {}
  const text = String(body).replace('"type":', '"typo":')
  const statement = 'update event set body = ?, leaf_hash = ? where log_index = ?'
  file.prepare(statement).run(text, leafHash(text), place)
}

function exchange(file: DatabaseSync, i: number, j: number): void {
  const row = file.prepare('select body, leaf_hash from event where log_index = ?')
  const set = file.prepare('update event set body = ?, leaf_hash = ? where log_index = ?')
  const [a, b] = [row.get(i), row.get(j)]
  set.run(b?.['body'] ?? '', b?.['leaf_hash'] ?? '', i)
  set.run(a?.['body'] ?? '', a?.['leaf_hash'] ?? '', j)
}

function putIn(file: DatabaseSync, place: number): void {
  file.exec(`update event set position = -position - 1, log_index = log_index + 1 where log_index >= ${place};
    update event set position = -position where position < 0;
    create temp table one as select ${columns} from event where log_index = ${place === 0 ? 1 : place - 1};
    update one set version = 99, log_index = ${place}, position = position ${place === 0 ? '- 1' : '+ 1'};
    insert into event(${columns}) select * from one; drop table one`)
}

const remove = 'delete from event where log_index ='
const closeUp = 'update event set log_index = log_index - 1 where log_index >'
const places = Array.from({ length: size }, (_, place) => place)
const from = (place: number) => unprovenAt(whole, place)
/** The last event of the log is then not there. */
const cut = `event #${size - 1} is missing, and without it nothing from #${from(size - 1)[0]} on can be proven`

test.each<[string, (file: DatabaseSync, place: number) => void, (place: number) => string]>([
  ['an event altered', alter, (place) => rangeOf(from(place))],
  [
    'two events exchanged',
    (file, place) => exchange(file, place, size - 1),
    (place) => rangeOf(from(place)),
  ],
  ['an event put in', putIn, (place) => rangeOf(from(place))],
  [
    'an event removed',
    (file, place) => file.exec(`${remove} ${place}`),
    (place) =>
      `event #${place} is missing, and without it nothing from #${from(place)[0]} on can be proven`,
  ],
  [
    'an event removed and the hole closed',
    (file, place) => file.exec(`${remove} ${place}; ${closeUp} ${place}`),
    (place) => (from(place)[1] === size - 1 ? cut : rangeOf(from(place))),
  ],
])(
  'with %s, leaf and all, the verifier says first between which events, and no agent is accused',
  async (_what, change, named) => {
    for (const place of places.slice(0, -1)) {
      const report = await after(
        (file) => change(file, place),
        async () => check(await log.bundle('whole')),
      )
      expect(report.wrong[0]).toBe(named(place))
      const said = reportLines(report.report, 5).join('\n')
      expect(said).not.toContain('FORK')
      // The first agent has signed 28 events, the second all.
      expect(report.witnesses).toHaveLength(place < 28 ? 0 : 1)
      expect(said).toContain(
        `has signed a log of ${size} events; whether it is this one cannot be told`,
      )
    }
  },
  60_000,
)

test('a selection of such a log accuses no agent either', async () => {
  const report = await after(
    (file) => alter(file, 3),
    async () => check(await log.bundle('selection')),
  )
  expect(report.wrong.join()).not.toContain('FORK')
  expect(report.wrong[0]).toMatch(/nothing shows that the log of 38 events is the beginning/)
  expect(report.untold.map((one) => one.size)).toEqual([28])
})

test('what was signed event by event is named to the event', async () => {
  const slow = await createTestLog(1)
  let upTo = slow.checkpoint
  for (let n = 1; n < 12; n += 1) upTo = await slow.grow(1)
  const file = opened(slow.directory)
  const id = String(
    file.prepare("select body ->> 'id' as id from event where log_index = 5").get()?.['id'],
  )
  alter(file, 5)
  const { wrong } = await checksOf(slow).check(await slow.bundle('whole', { upTo }))
  expect(wrong).toEqual([rangeOf([5, 5], id)])
  file.close()
  await slow.close()
})

test.each(['nothing', '{"type":"HttpResponseReceived","ref":"x"}', 'null'])(
  'a log with the text %s in place of an event can be taken along, and the event is named',
  async (text) => {
    const report = await after(
      (file) => file.prepare('update event set body = ? where log_index = 9').run(text),
      async () => check(await log.bundle('whole')),
    )
    expect(report.wrong[0]).toMatch(/#9 /)
  },
)
