/** Evidence, as an auditor takes it home and checks it there: the export of a running node, and `npm run verify`. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, root, type Stack, startStack } from './stack.ts'

let stack: Stack
let auditor: Api

beforeAll(async () => {
  stack = await startStack()
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
})
afterAll(() => stack?.stop())

async function exportBundle(query = ''): Promise<string> {
  const response = await fetch(`${stack.httpUrl}/api/audit/export?format=bundle${query}`, {
    headers: { authorization: `Bearer ${auditor.token}` },
  })
  expect(response.status).toBe(200)
  const path = join(stack.dataDir, 'bundle.zip')
  writeFileSync(path, Buffer.from(await response.arrayBuffer()))
  return path
}

function verify(...args: string[]): { code: number | null; said: string } {
  const script = join(root, 'scripts/verify.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args])
  return { code: status, said: `${stdout}${stderr}` }
}

test('an auditor exports the log, and verify finds it intact with the key of that log: exit 0', async () => {
  const { keys } = await auditor.get<{ keys: string[] }>('/api/audit/keys')
  const { code, said } = verify(await exportBundle(), '--key', keys[0] ?? '')
  expect(said).toContain('Integrity: intact')
  expect(said).toMatch(/every event up to #\d+, 0 recording gaps/)
  expect(code).toBe(0)
})

test('a selection says whose word it is, and the export is a fact with what was asked for', async () => {
  const path = await exportBundle('&type=AuditExported')
  expect(verify(path).said).toContain('the word of the server')
  const { items } = await auditor.get<{ items: Array<{ type: string; data: object }> }>(
    '/api/audit/events?type=AuditExported&limit=1',
  )
  expect(items[0]?.data).toEqual({ format: 'bundle', filter: { type: 'AuditExported' } })
})

test('a damaged bundle is exit 1 or 2, and what is none is exit 2; the key of another log helps nobody', async () => {
  const path = await exportBundle()
  const bytes = readFileSync(path)
  bytes[200] = (bytes[200] ?? 0) ^ 1
  writeFileSync(path, bytes)
  expect(verify(path).code).toBe(1)
  writeFileSync(path, 'x')
  expect(verify(path).code).toBe(2)
  expect(verify().code).toBe(2)
  expect(verify(path, '--key', 'x').code).toBe(2)
  const stranger = await new Api(stack.httpUrl).signIn('gestor@outro.travessia')
  const { keys } = await stranger.get<{ keys: string[] }>('/api/audit/keys')
  expect(verify(await exportBundle(), '--key', keys[0] ?? '').code).toBe(1)
})
