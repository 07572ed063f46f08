/** A demo that somebody has used, for tests of what becomes of its data. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { Api, deviceNamed } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { root } from '../rig/processes.ts'
import type { Stack } from '../rig/stack.ts'

/** As somebody types it: nothing is said but where the data are. */
export function runScript(
  name: string,
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, `scripts/${name}.ts`), ...args],
    {
      ...{ cwd: root, encoding: 'utf8', timeout: 60_000 },
      env: { ...process.env, TRAVESSIA_DATA_DIR: dataDir, ...env },
    },
  )
  return { status, said: stdout + stderr }
}

/** What people read, but for what agents say from moment to moment: whether they are there, whether a gate is open. */
export async function seen(httpUrl: string): Promise<unknown[]> {
  const admin = await new Api(httpUrl).signIn('admin@demo.travessia')
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const lists = ['/api/users', '/api/policy', '/api/audit/sessions', '/api/audit/retention']
  const ofGate = ['/sessions', '/commands'].map((part) => `/api/devices/${gate.id}${part}`)
  const names = (await admin.get<{ items: object[] }>('/api/installations')).items
  const device = await admin.get<object>(`/api/devices/${gate.id}`)
  const read = await Promise.all([...lists, ...ofGate].map((path) => admin.get(path)))
  const steady = names.map((one) => ({ ...one, agent: undefined }))
  return [steady, { ...device, status: undefined }, ...read]
}

/** A session, a command, a feed, a hold and a person who leaves. */
export async function live({ httpUrl }: Stack): Promise<void> {
  const admin = await new Api(httpUrl).signIn('admin@demo.travessia')
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const { base, cookie, sessionId } = await enterSession(admin, gate.id, { reason: 'ver' })
  await fetchPage(`${base}/`, { headers: { cookie } })
  await admin.call('DELETE', `/api/sessions/${sessionId}`)
  await enterSession(admin, gate.id, { reason: 'ainda aberta' })
  await openGate(admin)
  await admin.call('POST', '/api/audit/feeds', { name: 'SIEM', url: 'file:' })
  await admin.call('POST', '/api/audit/holds', { scope: 'device', id: gate.id, reason: 'x' })
  const leaver = { email: 'sai@demo.travessia', name: 'Sai', role: 'auditor' }
  const made = await admin.call('POST', '/api/users', {
    ...leaver,
    password: 'uma senha bem longa',
  })
  const erased = await admin.call('POST', `/api/users/${made.body['id']}/erase`, { confirm: true })
  expect(erased.status).toBe(204)
}

/** Resolves when the device has done it. */
export async function openGate(admin: Api): Promise<void> {
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const open = { command: 'OpenGate', args: { direction: 'both' } }
  const issued = await admin.call('POST', `/api/devices/${gate.id}/commands`, open)
  const path = `/api/commands/${issued.body['commandId']}`
  await eventually(async () => (await admin.call('GET', path)).body['status'] === 'succeeded')
}
