/** `npm start` as a program: it stops all it started, keeps its data, and says in one sentence what is in its way. */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Api, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort, freePorts } from '../rig/free-port.ts'
import { ended, readyLine, root } from '../rig/processes.ts'
import { childPid, type Stack, startStack } from '../rig/stack.ts'
import { startBareNode } from './bare-node.ts'

let dataDir: string
const signIn = (httpUrl: string) => new Api(httpUrl).signIn('gestor@demo.travessia')

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'travessia-start-'))
  // Between two starts nobody else is given them.
  const names = ['entrance', 'garage', 'foreign', 'printer', 'camera']
  names.push('system', 'systemApi', 'systemSlicer')
  const ports = await Promise.all(names.map(async (name) => [name, await freePort()]))
  mkdirSync(join(dataDir, 'demo'))
  writeFileSync(join(dataDir, 'demo/ports.json'), JSON.stringify(Object.fromEntries(ports)))
})

afterEach(() => void vi.unstubAllEnvs())
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

/** Processes that name the directory in their command line or environment, this one aside. */
function processesWith(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ['cmdline', 'environ'].some((file) => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(directory)
        } catch {
          return false
        }
      }),
    )
}

/** What people have registered; a device's status comes and changes by itself. */
async function inventory(api: Api): Promise<unknown> {
  const { items } = await api.get<{ items: Item[] }>('/api/installations')
  const devicesAt = async ({ id }: Item) => {
    const devices = await api.get<{ items: Item[] }>(`/api/installations/${id}/devices`)
    return devices.items.map((device) => ({ ...device, status: undefined }))
  }
  const agents = items.map(({ agent }) => (agent as { agentId: string }).agentId)
  return [items.map(({ id, name }) => [id, name]), agents, await Promise.all(items.map(devicesAt))]
}

async function allOnline(api: Api): Promise<boolean> {
  const { items } = await api.get<{ items: Item[] }>('/api/installations')
  return items.every(({ agent }) => (agent as { status: string }).status === 'ONLINE')
}

/** Gone with the test, whatever comes of it: the next ones start in the same directory. */
async function startedHere(): Promise<Stack> {
  const stack = await startStack({ dataDir })
  onTestFinished(async () => void (await ended(stack.process, 'SIGTERM')))
  return stack
}

let known: unknown
let facts: unknown[]

test('Ctrl-C stops every process that was started', async () => {
  const stack = await startedHere()
  const api = await signIn(stack.httpUrl)
  await eventually(() => allOnline(api), { what: 'agents online' })
  known = await inventory(api)
  facts = await factsOf(api)
  expect(processesWith(dataDir).length).toBeGreaterThanOrEqual(4)
  expect(await ended(stack.process, 'SIGINT')).toBe(0)
  expect(processesWith(dataDir)).toEqual([])
  await expect(fetch(`${stack.httpUrl}/healthz`)).rejects.toThrow()
})

test('a second start, on other ports too, keeps people, devices, agents and every fact; SIGTERM stops it like Ctrl-C', async () => {
  const stack = await startedHere()
  const api = await signIn(stack.httpUrl)
  await eventually(() => allOnline(api), { what: 'agents online' })
  expect(await inventory(api)).toEqual(known)
  const now = await api.get<{ items: unknown[] }>('/api/audit/events?limit=200')
  expect(now.items.toReversed().slice(0, facts.length)).toEqual(facts)
  expect(await ended(stack.process, 'SIGTERM')).toBe(0)
  expect(processesWith(dataDir)).toEqual([])
})

test('npm that is told to stop stops all, whatever is logged', async () => {
  const child = spawn('npm', ['start'], {
    cwd: root,
    env: { ...process.env, ...freePorts, TRAVESSIA_DATA_DIR: dataDir, TRAVESSIA_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    for (const pid of processesWith(dataDir)) process.kill(Number(pid), 'SIGKILL')
  })
  await readyLine(child)
  await ended(child, 'SIGTERM')
  await eventually(async () => processesWith(dataDir).length === 0)
})

test('a node that has just died is not started again by a stop that takes longer', async () => {
  const stack = await startedHere()
  process.kill(childPid(stack, 'travessia-agent.js', 'agent-filial'), 'SIGSTOP')
  const node = childPid(stack, 'api/src/main.ts')
  process.kill(node, 'SIGKILL')
  // Its parent knows.
  await eventually(async () => !existsSync(`/proc/${node}`))
  expect(await ended(stack.process, 'SIGINT')).toBe(0)
  expect(processesWith(dataDir)).toEqual([])
})

test('an error that nobody expected stops every process that was started, and is told', async () => {
  const lose = `process.once('SIGUSR2',()=>{throw%20new%20Error('lost')})`
  vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${lose}`)
  const stack = await startedHere()
  let told = ''
  stack.process.stderr?.on('data', (text: Buffer) => {
    told += text.toString()
  })
  expect(await ended(stack.process, 'SIGUSR2')).toBe(1)
  // Its pipe may be read only after it has ended.
  await expect.poll(() => told).toContain('Error: lost')
  expect(processesWith(dataDir)).toEqual([])
})

test('a node that crashes is gone at once, without going through its stop', async () => {
  const node = await startBareNode()
  await ended(node.process, 'SIGSEGV')
  expect(node.process.signalCode).toBe('SIGSEGV')
  await node.stop()
})

test.each([
  'TRAVESSIA_HTTP_PORT',
  'TRAVESSIA_REMOTE_PORT',
  'TRAVESSIA_WS_PORT',
  'TRAVESSIA_MQTT_PORT',
])(
  'a busy port (%s) is one clear sentence and an exit code, and leaves nothing running',
  async (name) => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => other.once('listening', done))
    const port = String((other.address() as AddressInfo).port)
    const { code, said } = await outcome({
      ...freePorts,
      [name]: port,
      TRAVESSIA_DATA_DIR: dataDir,
    })
    await new Promise((done) => other.close(done))
    expect(code).toBe(1)
    expect(said).toEqual([
      `Port ${port} is in use by another program. Stop it, or set another TRAVESSIA_*_PORT (0 picks a free one).`,
    ])
    expect(processesWith(dataDir)).toEqual([])
  },
)

test('a simulated device whose port was taken meanwhile is one clear sentence too', async () => {
  const ports = readFileSync(join(dataDir, 'demo/ports.json'), 'utf8')
  const { entrance } = JSON.parse(ports) as { entrance: number }
  const other = createServer().listen(entrance, '127.0.0.1')
  await new Promise((done) => other.once('listening', done))
  const { code, said } = await outcome({ ...freePorts, TRAVESSIA_DATA_DIR: dataDir })
  await new Promise((done) => other.close(done))
  expect([code, said.length]).toEqual([1, 1])
  expect(said[0]).toContain(`Port ${entrance},`)
  expect(processesWith(dataDir)).toEqual([])
})

test('wrong variables are named all at once in one line', async () => {
  const wrong = {
    TRAVESSIA_HTTP_PORT: 'x',
    TRAVESSIA_MQTT_PORT: '70000',
    TRAVESSIA_REMOTE_MODE: 'y',
  }
  const { code, said } = await outcome({ ...freePorts, ...wrong, TRAVESSIA_DATA_DIR: dataDir })
  expect(code).toBe(1)
  expect(said).toHaveLength(1)
  for (const name of Object.keys(wrong)) expect(said[0]).toContain(name)
})

test.each([
  ['the whole of it', () => startStack({ env: { TRAVESSIA_HTTP_PORT: 'x' } })],
  ['a node alone', () => startBareNode({ TRAVESSIA_HTTP_PORT: 'x' })],
])('a start of a test that fails leaves no folder behind: %s', async (_what, start) => {
  const folder = mkdtempSync(join(dataDir, 'tmp-'))
  vi.stubEnv('TMPDIR', folder)
  await expect(start()).rejects.toThrow('TRAVESSIA_HTTP_PORT')
  expect(readdirSync(folder)).toEqual([])
  expect(processesWith(folder)).toEqual([])
})

test('the demo refuses to listen beyond this host', async () => {
  const open = { TRAVESSIA_HOST: '0.0.0.0', TRAVESSIA_DATA_DIR: dataDir }
  const { code, said } = await outcome({ ...freePorts, ...open })
  expect([code, said.length]).toEqual([1, 1])
  expect(said[0]).toContain('TRAVESSIA_HOST')
})

/** A start that is expected to fail: its code and the lines it said. */
async function outcome(
  env: Record<string, string>,
): Promise<{ code: number | null; said: string[] }> {
  const child = spawn(process.execPath, [join(root, 'scripts/start.ts')], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const code = await new Promise<number | null>((done) => child.once('close', done))
  return { code, said: text.trim().split('\n') }
}
