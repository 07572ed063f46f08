/** The examples of docs/siem.md with Debian's rsyslog: a feed received by TLS, and files shipped to that receiver. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { ended, root } from '../rig/processes.ts'
import { type BareNode, startBareNode } from './bare-node.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-rsyslog-'))
const inDirectory = (name: string) => join(directory, name)
const programs: ChildProcess[] = []
const feedsPath = '/api/audit/feeds'
let node: BareNode
let port: number

beforeAll(async () => {
  const [key, cert] = [inDirectory('key.pem'), inDirectory('cert.pem')]
  const kind = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', [...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  copyFileSync(cert, inDirectory('ca.pem'))
  port = await freePort()
  node = await startBareNode({ TRAVESSIA_DEMO: '1', NODE_EXTRA_CA_CERTS: cert })
  start('travessia.conf')
})
afterAll(async () => {
  await Promise.all(programs.map((program) => ended(program, 'SIGTERM')))
  await node?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** An example of the document, at places of this test. */
function start(name: string): ChildProcess {
  const document = readFileSync(join(root, 'docs/siem.md'), 'utf8')
  const blocks = document.split('```rsyslog\n').map((part) => part.split('```')[0] ?? '')
  const text = blocks.find((one) => one.startsWith(`# /etc/rsyslog.d/${name}`)) ?? ''
  const config = text
    .replaceAll('/etc/rsyslog.d/travessia/', `${directory}/`)
    .replaceAll('/var/log/travessia.jsonl', inDirectory('travessia.jsonl'))
    .replaceAll('/var/spool/rsyslog', inDirectory('spool'))
    .replaceAll('/var/lib/travessia', node.dataDir)
    .replaceAll('siem.example', 'localhost')
    .replaceAll('"6514"', `"${port}"`)
  mkdirSync(inDirectory('spool'), { recursive: true })
  writeFileSync(inDirectory(name), config)
  const checked = spawnSync('/usr/sbin/rsyslogd', ['-N1', '-f', inDirectory(name)])
  if (checked.error) throw new Error('Debian packages rsyslog, rsyslog-openssl are missing')
  expect([checked.status, String(checked.stderr)]).toEqual([
    0,
    expect.not.stringContaining('error'),
  ])
  const args = ['-n', '-f', inDirectory(name), '-i', inDirectory(`${name}.pid`)]
  const program = spawn('/usr/sbin/rsyslogd', args, { stdio: 'ignore' })
  programs.push(program)
  return program
}

type Received = { position: number; type: string; data: { name?: string }; id: string }

function received(): Received[] {
  try {
    const lines = readFileSync(inDirectory('travessia.jsonl'), 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as Received)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function addFeed(url: string): Promise<string> {
  const added = await node.admin.call<Item>('POST', feedsPath, { name: 'SIEM', url })
  expect(added.status).toBe(201)
  return added.body.id
}

/** Events of every size that a name allows, and what of them has come. */
async function changesArrive(mark: string): Promise<void> {
  const names = Array.from({ length: 30 }, (_, n) => `${mark} ${n} “ção” `.padEnd(60, 'ã'))
  for (const name of names) await node.admin.call('POST', '/api/installations', { name })
  const came = () =>
    received().flatMap(({ data: { name } }) => (name?.startsWith(mark) ? name : []))
  await eventually(async () => came().length >= names.length, { what: `${mark}: 30 events` })
  expect([...new Set(came())]).toEqual(names.map((name) => name.trim()))
}

test('a feed by TLS arrives whole, in order, and the node hears that it was taken', async () => {
  const id = await addFeed(`syslog+tls://localhost:${port}`)
  await changesArrive('por TLS')
  const { body } = await node.admin.call<{ position: number }>('POST', `${feedsPath}/${id}/test`)
  await eventually(async () => {
    const { items } = await node.admin.get<{ items: Item[] }>(feedsPath)
    return items.some(({ position, lastError }) => position === body.position && !lastError)
  })
  // rsyslog has read it then; its file comes after.
  const last = { type: 'AuditFeedTested', position: body.position }
  await expect.poll(() => received().at(-1)).toMatchObject(last)
  await node.admin.call('DELETE', `${feedsPath}/${id}`)
})

test('an event of more than the 8 KiB that rsyslog takes by itself arrives whole', async () => {
  const id = await addFeed(`syslog+tls://localhost:${port}`)
  const site = await node.admin.call<Item>('POST', '/api/installations', { name: 'Grande' })
  const buttons = [0, 1, 2].map((n) => ({
    ...{ name: `Botão ${n}`, method: 'POST', path: '/', body: 'x'.repeat(4_000) },
  }))
  const fields = { name: 'Bomba', baseUrl: 'http://10.0.0.1', viaAgent: true, buttons }
  const body = { kind: 'http', driver: 'http', ...fields }
  const made = await node.admin.call('POST', `/api/installations/${site.body.id}/devices`, body)
  expect(made.status).toBe(201)
  const registered = () => received().find(({ type }) => type === 'DeviceRegistered')
  await eventually(async () => registered() !== undefined)
  expect(registered()?.data).toMatchObject({ buttons })
  await node.admin.call('DELETE', `${feedsPath}/${id}`)
})

test('files are shipped to the same receiver, on over a restart of the shipper', async () => {
  const id = await addFeed('file:')
  const shipper = start('travessia-ship.conf')
  await changesArrive('por arquivo')
  await ended(shipper, 'SIGTERM')
  start('travessia-ship.conf')
  await changesArrive('depois')
  const shipped = received().filter(({ data }) => data.name?.startsWith('por arquivo'))
  expect(shipped).toHaveLength(30)
  await node.admin.call('DELETE', `${feedsPath}/${id}`)
})
