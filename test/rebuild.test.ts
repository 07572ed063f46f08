/** `npm run rebuild` on a data directory that was lived in: a demo, stopped; what people see is made from its log alone. And a backup of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { Api } from '../rig/api.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { startBareNode } from './bare-node.ts'
import { live, runScript, seen } from './lived-in.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'travessia-rebuild-'))
let stack: Stack | undefined

afterAll(async () => {
  await stack?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const rebuild = (directory = dataDir, env = {}) => runScript('rebuild', directory, env)

/** Every row of every table. */
function dump(): Record<string, string[]> {
  const database = new DatabaseSync(join(dataDir, 'views.db'), { readOnly: true })
  try {
    const names = database.prepare("select name from sqlite_master where type = 'table'").all()
    return Object.fromEntries(
      names.map(({ name }) => [
        String(name),
        database
          .prepare(`select * from "${name}"`)
          .all()
          .map((row) => JSON.stringify(row))
          .toSorted(),
      ]),
    )
  } finally {
    database.close()
  }
}

test('beside a running node it does nothing and says why', async () => {
  stack = await startStack({ dataDir })
  await live(stack)
  const { status, said } = rebuild()
  expect([status, said]).toEqual([2, expect.stringContaining('stop it first')])
  expect(await seen(stack.httpUrl)).toBeDefined()
})

test('a backup beside a running node starts elsewhere, shows the same, and what it exports is intact', async () => {
  const copy = mkdtempSync(join(tmpdir(), 'travessia-backup-'))
  for (const name of ['secrets.db', 'events.db']) {
    const database = new DatabaseSync(join(dataDir, name), { readOnly: true })
    await backup(database, join(copy, name))
    database.close()
  }
  const key = readFileSync(join(dataDir, 'demo-encryption-key'), 'utf8')
  const shown = await seen(stack?.httpUrl ?? '')
  const restored = await startBareNode({
    TRAVESSIA_DATA_DIR: copy,
    TRAVESSIA_ENCRYPTION_KEY: key,
  })
  onTestFinished(async () => {
    await restored.stop()
    rmSync(copy, { recursive: true })
  })
  expect(await seen(restored.httpUrl)).toEqual(shown)
  const auditor = await new Api(restored.httpUrl).signIn('auditor@demo.travessia')
  const answer = await fetch(`${restored.httpUrl}/api/audit/export?format=bundle`, {
    headers: { authorization: `Bearer ${auditor.token}` },
  })
  const bundle = join(copy, 'bundle.zip')
  writeFileSync(bundle, Buffer.from(await answer.arrayBuffer()))
  const { status, said } = runScript('verify', copy, {}, [bundle])
  expect([status, said]).toEqual([0, expect.stringContaining('Integrity: intact')])
})

test('of a stopped one it makes what was there, row by row, and the node shows the same again', async () => {
  if (!stack) throw new TypeError('no stack')
  const shown = await seen(stack.httpUrl)
  await stack.stop()
  const { status, said } = rebuild()
  expect([status, said]).toEqual([0, expect.stringContaining('They were what the log says.')])
  const rows = dump()
  expect(Object.values(rows).flat().length).toBeGreaterThan(20)
  expect(rebuild()).toMatchObject({ status: 0 })
  expect(dump()).toEqual(rows)
  stack = await startStack({ dataDir })
  const again = await seen(stack.httpUrl)
  expect(again).toEqual(shown)
})

test('a folder without a log is not made one', () => {
  const missing = join(dataDir, 'missing')
  expect(rebuild(missing)).toEqual({ status: 2, said: expect.stringContaining('KEY is missing') })
  const { status, said } = rebuild(missing, { TRAVESSIA_ENCRYPTION_KEY: '0'.repeat(64) })
  expect([status, said]).toEqual([2, `there is no log in ${missing}\n`])
  expect(existsSync(missing)).toBe(false)
})

test('rows that somebody has altered or lost are told, and mended', async () => {
  await stack?.stop()
  stack = undefined
  // What a node wrote while it stopped, its views read at the next start.
  expect(rebuild()).toMatchObject({ status: 0 })
  const rows = dump()
  const database = new DatabaseSync(join(dataDir, 'views.db'))
  database.exec("update member set role = 'admin' where role = 'auditor'; delete from device")
  database.close()
  const { status, said } = rebuild()
  expect([status, said]).toEqual([1, expect.stringMatching(/device: .*\n.*member: 1 rows/)])
  expect(dump()).toEqual(rows)
})
