/** The agent as users get it: packed, installed into an empty directory, run by the system's own Node 20. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { newId } from '@travessia/schemas/ids'
import { Aedes } from 'aedes'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { closedPort, eventually } from './fixtures.ts'

// Nine starts of a process and more on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000 })

const agentFolder = join(import.meta.dirname, '..')
const systemNode = nodeOfMajor(20)
const directory = mkdtempSync(join(tmpdir(), 'travessia-packed-'))
const prefix = join(directory, 'prefix')
const program = join(prefix, 'node_modules/.bin/travessia-agent')
const configPath = join(directory, 'config.json')
const nodeFolder = join(systemNode ?? process.execPath, '..')
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/proxy/i.test(name))),
  PATH: [nodeFolder, '/usr/bin', '/bin'].join(delimiter),
  HOME: directory,
}

/** A `node` of the system, not of these packages. */
function nodeOfMajor(major: number): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => execFileSync(path, ['--version']).toString().startsWith(`v${major}.`))
}

let files: string[] = []

beforeAll(() => {
  const packing = { cwd: agentFolder, encoding: 'utf8' } as const
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], packing)
  const tarball = join(
    directory,
    readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? '',
  )
  files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const options = ['--offline', '--no-audit', '--no-fund', '--silent']
  execFileSync('npm', ['install', '--prefix', prefix, ...options, tarball], {
    ...{ cwd: directory, encoding: 'utf8' },
    env: { ...environment, npm_config_cache: join(directory, 'cache') },
  })
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function run(...args: string[]) {
  return spawnSync(program, args, { env: environment, encoding: 'utf8', timeout: 30_000 })
}

/** As `run`, while servers of this process answer. */
async function runHere(args: string[], env: Record<string, string> = {}) {
  const child = spawn(program, args, { env: { ...environment, ...env } })
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { stdout, stderr, status }
}

async function readyLine(child: ChildProcess): Promise<Record<string, string>> {
  if (!child.stdout) throw new Error('no output')
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes('"msg":"ready"')) return JSON.parse(line) as Record<string, string>
  throw new Error('ended before it was ready')
}

/** A server that pairs anybody, and a broker behind `/ws/connectors`. */
async function server() {
  const aedes = new Aedes()
  await aedes.listen()
  const ids = { agentId: newId(), tenantId: newId(), installationId: newId() }
  const handle = async (request: IncomingMessage) => {
    await text(request)
    const { port } = http.address() as AddressInfo
    return JSON.stringify({
      ...{ ...ids, token: 'jwt', expiresAt: '2035-01-01T00:00:00.000Z', serverTime: Date.now() },
      endpoints: {
        apiUrl: `http://127.0.0.1:${port}`,
        wsUrl: `ws://127.0.0.1:${port}/ws/connectors`,
      },
      serverKeys: [],
    })
  }
  const http = createServer((request, response) => {
    void handle(request).then((body) => response.end(body))
  })
  new WebSocketServer({ server: http, path: '/ws/connectors' }).on('connection', (socket) => {
    aedes.handle(createWebSocketStream(socket))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(() => {
    aedes.close()
    http.close()
    http.closeAllConnections()
  })
  return { aedes, ids, apiUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

test('the package holds one program and its README, no TypeScript, and depends on nothing', () => {
  expect(files.sort()).toEqual([
    'package/README.md',
    'package/dist/travessia-agent.js',
    'package/package.json',
  ])
  expect(readdirSync(join(prefix, 'node_modules/@travessia'))).toEqual(['agent'])
  expect(readdirSync(join(prefix, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(
    ['@travessia'],
  )
})

test(`it starts with ${systemNode ? "the system's Node 20" : 'this Node (the system has no Node 20)'} and explains itself`, () => {
  const { stdout, status } = run('--help')
  expect(status).toBe(0)
  for (const word of ['pair CODE', 'run', 'doctor', 'simulate', 'install-service'])
    expect(stdout).toContain(word)
})

test('a wrong word, a wrong option, a missing pairing and a wrong address are one sentence each', async () => {
  const closed = `http://127.0.0.1:${await closedPort()}`
  const cases = [
    [['dance'], 2, 'pair CODE'],
    [['pair'], 1, /^Usage: pair CODE --url URL\n$/],
    [['pair', 'X', '--url', 'http://far.example'], 1, /^http:.. is allowed to this host only: use/],
    [['pair', 'X', '--url', 'localhost:8000'], 1, /^localhost:8000 is not the address of a server/],
    [['pair', 'X', '--url', closed], 1, `Nothing listens at ${closed.slice(7)}: check`],
    [['run', '--nothing'], 1, "Unknown option '--nothing'"],
    [['run'], 1, 'not paired yet'],
    [['simulate', 'boat'], 1, 'turnstile|printer'],
    [['simulate', 'turnstile', '--port', 'x'], 1, 'Usage: simulate'],
  ] as const
  // All at once: each is a process of its own.
  const answers = await Promise.all(cases.map(([args]) => runHere([...args])))
  for (const [index, [args, code, words]] of cases.entries()) {
    const { stderr = '', status } = answers[index] ?? {}
    expect(status, args.join(' ')).toBe(code)
    expect(stderr, args.join(' ')).toMatch(words)
    expect(stderr, args.join(' ')).not.toMatch(/\n\s+at /)
  }
})

test('it simulates a turnstile until it is told to stop', async () => {
  const child = spawn(program, ['simulate', 'turnstile'], { env: environment })
  onTestFinished(() => void child.kill('SIGKILL'))
  const { url = '' } = await readyLine(child)
  expect(await (await fetch(url)).text()).toContain('iDBlock')
  const exit = once(child, 'exit')
  child.kill('SIGINT')
  await exit
})

test('paired, it connects to a broker, tells its state, and examines itself', async () => {
  const { aedes, ids, apiUrl } = await server()
  const where = ['--config', configPath]
  const paired = await runHere([
    'pair',
    'ABCDEFGH',
    '--url',
    apiUrl,
    '--name',
    'Portaria',
    ...where,
  ])
  expect(paired).toMatchObject({ status: 0, stderr: '' })
  expect(paired.stdout).toContain('Paired as "Portaria"')
  expect(statSync(configPath).mode & 0o777).toBe(0o600)

  const env = { TRAVESSIA_AGENT_HEALTH_PORT: String(await closedPort()) }
  const before = await runHere(['status', ...where], env)
  expect(before).toMatchObject({ status: 1, stdout: expect.stringContaining('not running') })
  const clients: string[] = []
  aedes.on('clientReady', ({ id }) => void clients.push(id))
  const child = spawn(program, ['run', ...where], { env: { ...environment, ...env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  expect(await readyLine(child)).toMatchObject({ agentId: ids.agentId })
  expect(clients).toContain(ids.agentId)
  const status = await runHere(['status', ...where], env)
  expect(JSON.parse(status.stdout)).toMatchObject({ status: 'ONLINE', name: 'Portaria' })
  expect(status.status).toBe(0)
  const { stdout } = await runHere(['doctor', ...where], env)
  for (const line of ['configuration', 'server', 'clock', 'token', 'broker', 'agent'])
    expect(stdout).toMatch(new RegExp(`ok {3}${line}: `))
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  expect((await exit)[0]).toBe(0)
})

/** The configuration of the paired agent, with a server that is not there. */
async function offlineConfig() {
  const config = JSON.parse(readFileSync(configPath, 'utf8')) as Record<string, unknown>
  const port = await closedPort()
  const nowhere = { apiUrl: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}` }
  return { port, config: { ...config, ...nowhere } as Record<string, unknown> }
}

test('doctor names what is wrong and what to do', async () => {
  const { port, config } = await offlineConfig()
  const broken = join(directory, 'broken.json')
  const { agentId, tenantId } = config
  const device = { deviceId: newId(), driver: 'http', ports: [], maxConcurrent: 1 }
  const devices = [
    { ...device, baseUrl: `http://127.0.0.1:${port}` },
    { ...device, deviceId: newId(), baseUrl: 'http://169.254.169.254' },
  ]
  const list = { tenantId, agentId, version: 1, devices }
  const wrong = { ...config, tokenExpiresAt: 1, devices: list, allowLoopback: true }
  writeFileSync(broken, JSON.stringify(wrong), { mode: 0o644 })
  const { stdout, status } = await runHere(['doctor', '--config', broken], {
    TRAVESSIA_AGENT_HEALTH_PORT: String(port),
  })
  expect(status).toBe(1)
  for (const line of ['configuration', 'server', 'clock', 'token', 'broker', 'agent'])
    expect(stdout).toContain(`FAIL ${line}: `)
  expect(stdout).toContain(`chmod 600 ${broken}`)
  expect(stdout).toContain('ECONNREFUSED')
  expect(stdout).toMatch(/FAIL device http:\/\/169\.254\.169\.254: .*forbidden/)
})

test('under systemd it is ready and gives signs of life while it is offline', async () => {
  const offline = join(directory, 'offline.json')
  writeFileSync(offline, JSON.stringify((await offlineConfig()).config), { mode: 0o600 })
  const folder = join(directory, 'bin')
  const told = join(directory, 'told')
  mkdirSync(folder)
  // In place of the real one, which needs a systemd that listens.
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$1" >> ${told}\n`, {
    mode: 0o755,
  })
  const child = spawn(program, ['run', '--config', offline], {
    env: {
      ...{ ...environment, PATH: `${folder}${delimiter}${environment.PATH}` },
      ...{
        NOTIFY_SOCKET: '/run/nobody',
        WATCHDOG_USEC: '200000',
        TRAVESSIA_AGENT_HEALTH_PORT: '0',
      },
    },
    stdio: 'ignore',
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await eventually(() => {
    const [first, ...beats] = readFileSync(told, 'utf8').trim().split('\n')
    expect(first).toBe('--ready')
    expect(beats.length).toBeGreaterThan(1)
    expect(new Set(beats)).toEqual(new Set(['WATCHDOG=1']))
  })
})

test('the systemd unit that it prints passes systemd-analyze verify', () => {
  const { stdout, status } = run('install-service', '--print')
  expect(status).toBe(0)
  expect(stdout).toContain(
    `ExecStart=${join(nodeFolder, 'node')} --max-old-space-size=128 --max-semi-space-size=8 ${program} run`,
  )
  const unit = join(directory, 'travessia-agent.service')
  writeFileSync(unit, stdout)
  const verify = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
  if (verify.error) throw new Error('systemd-analyze is missing: apt install systemd')
  // Known from systemd 254 on; older ones ignore them.
  const complaints = verify.stderr
    .split('\n')
    .filter((line) => !/Restart(Steps|MaxDelaySec)/.test(line))
  expect(complaints.join('\n').trim()).toBe('')
  expect(verify.status).toBe(0)
})

test('a unit for a path with spaces and percent signs still passes', () => {
  const config = join(directory, '100% of $HOME', 'my config.json')
  const { stdout } = run('install-service', '--print', '--config', config)
  expect(stdout).toContain(`"${directory}/100%% of $$HOME/my config.json"`)
  const unit = join(directory, 'travessia-agent-spaces.service')
  writeFileSync(unit, stdout)
  expect(spawnSync('systemd-analyze', ['verify', unit]).status).toBe(0)
})
