/** `npm run move-log` on a data directory that was lived in: the node goes on with its log in PostgreSQL, and nobody sees a difference. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../api/src/store/postgres.fixture.ts'
import { Api } from '../rig/api.ts'
import { root } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { live, openGate, runScript, seen } from './lived-in.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'travessia-move-'))
let server: PostgresServer
let stack: Stack | undefined

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await stack?.stop()
  await server?.remove()
  rmSync(dataDir, { recursive: true, force: true })
})

test('a used demo moves and goes on: lists, trees, agents and devices', async () => {
  const env = { TRAVESSIA_DATABASE_URL: await server.newDatabase() }
  stack = await startStack({ dataDir })
  await live(stack)
  expect(runScript('move-log', dataDir, env)).toEqual({
    status: 2,
    said: expect.stringContaining('stop it first'),
  })
  const shown = await seen(stack.httpUrl)
  await stack.stop()
  stack = undefined
  await expect(startStack({ dataDir, env })).rejects.toThrow('npm run move-log')
  const { status, said } = runScript('move-log', dataDir, env)
  expect([status, said]).toEqual([0, expect.stringMatching(/^\d+ events moved in .*\.moved\.\n$/)])
  stack = await startStack({ dataDir, env })
  expect(await seen(stack.httpUrl)).toEqual(shown)
  await openGate(await new Api(stack.httpUrl).signIn('admin@demo.travessia'))
  const bundle = join(dataDir, 'bundle.zip')
  const { httpUrl } = stack
  const auditor = await new Api(httpUrl).signIn('auditor@demo.travessia')
  const headers = { authorization: `Bearer ${auditor.token}` }
  const exported = await fetch(`${httpUrl}/api/audit/export?format=bundle`, { headers })
  writeFileSync(bundle, await exported.bytes())
  const verify = join(root, 'scripts/verify.ts')
  const checked = spawnSync(process.execPath, [verify, bundle], { encoding: 'utf8' })
  expect([checked.status, checked.stdout]).toEqual([
    0,
    expect.stringContaining('Integrity: intact'),
  ])
})
