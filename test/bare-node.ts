/** A cloud node without the demo: started in a moment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Api } from '../rig/api.ts'
import { freePort, freePorts } from '../rig/free-port.ts'
import { ended, readyLine, rethrownAfter, root } from '../rig/processes.ts'
import type { Stack } from '../rig/stack.ts'

const account = { email: 'admin@teste.travessia', password: 'only-for-this-test' }

export type BareNode = Pick<Stack, 'httpUrl' | 'remoteUrl' | 'wsUrl' | 'mqttUrl' | 'dataDir'> & {
  /** Its administrator. */
  readonly admin: Api
  process: ChildProcess
  /** Ends it by this signal and starts it again, with the same ports and data. */
  restart(signal: NodeJS.Signals): Promise<void>
  /** Exchanges under way, as its metrics say. */
  streams(): Promise<number>
  stop(): Promise<void>
}

export async function startBareNode(env: Readonly<Record<string, string>> = {}): Promise<BareNode> {
  const dataDir = mkdtempSync(join(tmpdir(), 'travessia-node-'))
  const environment = {
    ...{ ...process.env, TRAVESSIA_LOG_LEVEL: 'warn', TRAVESSIA_DATA_DIR: dataDir },
    TRAVESSIA_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    ...(await keptPorts()),
    ...env,
  }
  const clear = () => rmSync(dataDir, { recursive: true, force: true })
  const { child, ready } = await launch(environment).catch(rethrownAfter(clear))
  const { httpUrl, remoteUrl, wsUrl, mqttUrl } = ready
  const admin = new Api(httpUrl)
  const node: BareNode = {
    ...{ httpUrl, remoteUrl, wsUrl, mqttUrl, dataDir, admin, process: child },
    async restart(signal) {
      await ended(node.process, signal)
      node.process = (await launch(environment)).child
    },
    async streams() {
      const metrics = await (await fetch(`${httpUrl}/metrics`)).text()
      return Number(/^travessia_tunnel_streams (\d+)$/m.exec(metrics)?.[1])
    },
    async stop() {
      await ended(node.process, 'SIGTERM')
      clear()
    },
  }
  await register(admin).catch(rethrownAfter(node.stop))
  return node
}

/** For the environment of a node: its clock is ahead by as many ms as this file says at its start. */
export function clockAhead(file: string): Record<string, string> {
  const preload = `--import=${join(root, 'test/clock-ahead.mjs')}`
  return { TEST_CLOCK: file, NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} ${preload}` }
}

/** While it is away nobody is given them. */
async function keptPorts(): Promise<Record<string, string>> {
  const names = Object.keys(freePorts)
  const ports = await Promise.all(names.map(freePort))
  return Object.fromEntries(names.map((name, n) => [name, String(ports[n])]))
}

type Ready = Record<'httpUrl' | 'remoteUrl' | 'wsUrl' | 'mqttUrl', string>

async function launch(env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; ready: Ready }> {
  const child = spawn(process.execPath, [join(root, 'api/src/main.ts')], {
    ...{ cwd: root, env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ready = await readyLine(child).catch(rethrownAfter(() => ended(child, 'SIGTERM')))
  return { child, ready: ready as Ready }
}

async function register(admin: Api): Promise<void> {
  const body = { ...account, tenantName: 'Teste' }
  const { status, body: answer } = await admin.call('POST', '/api/auth/register', body)
  if (status !== 201) throw new Error(`register: ${status} ${JSON.stringify(answer)}`)
  admin.token = String(answer['token'])
}
