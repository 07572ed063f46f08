/** Evidence, as an auditor takes it home and checks it there: the export of a running node, and `npm run verify`. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { root } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'

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

test('the bundle that somebody has is found in the log by its hash', async () => {
  const file = readFileSync(await exportBundle('&type=AuditExported'))
  const sha256 = createHash('sha256').update(file).digest('hex')
  const events = Number(/(\d+) events/.exec(verify(join(stack.dataDir, 'bundle.zip')).said)?.[1])
  const url = '/api/audit/events?type=AuditExportEnded&limit=1'
  const newest = async () => (await auditor.get<{ items: Array<{ data: object }> }>(url)).items[0]
  const data = { outcome: 'complete', events, bytes: file.length, sha256 }
  await expect.poll(async () => (await newest())?.data).toEqual(data)
})

test('what was active at a moment is exported as the events of those sessions, all of them and no others', async () => {
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  const [gate, printer] = [
    await deviceNamed(manager, 'Catraca Entrada'),
    await deviceNamed(manager, 'Câmera'),
  ]
  const open = async ({ id }: Item) => {
    const { body } = await manager.call<{ sessionId: string }>(
      'POST',
      `/api/devices/${id}/sessions`,
    )
    return body.sessionId
  }
  const end = (id: string) => manager.call('DELETE', `/api/sessions/${id}`)
  const before = await open(gate)
  await end(before)
  const then = [await open(gate), await open(printer)]
  const at = new Date().toISOString()
  const me = await manager.get<{ id: string }>('/api/auth/me')
  for (const id of then) await end(id)
  const query = `activeAt=${at}&userId=${me.id}`
  const { body } = await auditor.call<string>('GET', `/api/audit/export?format=jsonl&${query}`)
  const events = body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Item)
  expect(new Set(events.map(({ sessionId }) => sessionId))).toEqual(new Set(then))
  const types = events.map(({ type }) => type)
  for (const type of ['SessionRequested', 'SessionOpened', 'SessionClosed'])
    expect(types.filter((one) => one === type)).toHaveLength(2)
  const path = await exportBundle(`&${query}`)
  const { code, said } = verify(path)
  expect([code, said]).toEqual([0, expect.stringContaining('Integrity: intact')])
  expect(said).toContain(`${events.length} events`)
})

test.each([
  ['limit', 'format=csv&limit=2'],
  ['cursor', 'format=bundle&cursor=9'],
  ['cursor', 'format=csv&cursor=9&hasGaps=true'],
  ['sessionId', `format=csv&hasGaps=true&sessionId=${'a'.repeat(26)}`],
])('an export that would not do what is asked (%s) is refused: %s', async (_what, query) => {
  const { status } = await auditor.call('GET', `/api/audit/export?${query}`)
  expect(status).toBe(400)
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

test('the agents of the customer confirm the log, and what one of them keeps on site tells an older log from this one', async () => {
  const { origin } = await auditor.get<{ origin: string }>('/api/audit/keys')
  const older = await exportBundle()
  const before = readFileSync(older)
  const sizeThen = Number(/with (\d+) events/.exec(verify(older).said)?.[1])
  // A fact more, so that there is something to confirm.
  await exportBundle()
  const agent = await eventually(async () => witnessOf(origin, sizeThen + 1), { withinMs: 40_000 })
  const kept = join(stack.dataDir, 'kept.txt')
  writeFileSync(kept, agent.note)
  const now = verify(await exportBundle(), '--since', kept, '--key', agent.key)
  expect(now.said).toMatch(/Witnesses: \d agents? confirms? every event up to #\d+/)
  expect(now.said).toContain('by the key that you gave')
  expect(now.code).toBe(0)
  writeFileSync(older, before)
  const then = verify(older, '--since', kept)
  expect(then.said).toMatch(/the log had \d+ events before, now \d+/)
  expect(then.code).toBe(1)
})

/** What an agent of the demo says on its host, once it keeps this log with so many events. */
function witnessOf(origin: string, size: number): { note: string; key: string } | undefined {
  const demo = join(stack.dataDir, 'demo')
  const program = join(root, 'agent/dist/travessia-agent.js')
  for (const name of readdirSync(demo)) {
    const config = join(demo, name, 'config.json')
    if (!existsSync(join(demo, name, 'checkpoint.json'))) continue
    const args = [program, 'checkpoint', '--config', config]
    const { stdout, stderr } = spawnSync(process.execPath, args)
    const note = stdout.toString()
    const [, key = ''] = /Key of this witness: (\S+)/.exec(stderr.toString()) ?? []
    const [said, events] = note.split('\n')
    if (said === origin && Number(events) >= size) return { note, key }
  }
  return undefined
}

test('keys are rotated beside a running node: who knows the old one can still check, and agents go on confirming', async () => {
  const before = await auditor.get<{ origin: string; keys: string[] }>('/api/audit/keys')
  const [old = ''] = before.keys
  expect(rotate().code).toBe(0)
  const { keys } = await auditor.get<{ keys: string[] }>('/api/audit/keys')
  expect(keys).toEqual([old, expect.any(String)])
  expect(rotate('--retire', old).code).toBe(0)
  expect(await auditor.get('/api/audit/keys')).toEqual({ ...before, keys: keys.slice(1) })
  const { code, said } = verify(await exportBundle(), '--key', old)
  expect(said).toContain(`${keys[1]} (vouched for by it)`)
  expect(code).toBe(0)
  const size = Number(/with (\d+) events/.exec(said)?.[1])
  await eventually(async () => witnessOf(before.origin, size), { withinMs: 40_000 })
  expect(rotate('--retire', old)).toEqual({ code: 2, said: 'this key does not sign\n' })
})

function rotate(...args: string[]): { code: number | null; said: string } {
  const script = join(root, 'scripts/rotate-key.ts')
  const env = { ...process.env, TRAVESSIA_DATA_DIR: stack.dataDir, TRAVESSIA_DEMO: '1' }
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { env })
  return { code: status, said: stderr.toString() }
}

test('the node gives out the verifier as a page that may run its own script and reach nothing', async () => {
  for (const path of ['/verificar', '/verificar.html']) {
    const response = await fetch(stack.httpUrl + path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src/,
    )
    expect(await response.text()).toContain('Verificador de evidências')
  }
})
