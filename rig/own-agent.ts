/** Installations, agents and devices that a test makes for itself beside those of the demo. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Api, Item } from './api.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { ended, rethrownAfter, root } from './processes.ts'
import type { Stack } from './stack.ts'

/** An installation of its own with an agent of its own, a real process that the test may stop and kill. */
export type OwnAgent = {
  readonly installationId: string
  readonly configPath: string
  process: ChildProcess
  /** Runs it (again); resolves when it is ONLINE. */
  run(): Promise<void>
  /** SIGTERM, and OFFLINE afterwards. */
  stop(): Promise<void>
  /** Exchanges under way, as its health page says. */
  streams(): Promise<number>
}

type Place = Pick<Stack, 'httpUrl' | 'dataDir'>

/** Paired and running. */
export async function startOwnAgent(stack: Place, api: Api, name: string): Promise<OwnAgent> {
  const agent = await pairOwnAgent(stack, api, name)
  await agent.run().catch(rethrownAfter(() => agent.process.kill('SIGKILL')))
  return agent
}

/** Paired with a code, like any other; not running yet. */
export async function pairOwnAgent(
  stack: Place,
  api: Api,
  name: string,
  options: readonly string[] = [],
): Promise<OwnAgent> {
  const site = await api.call<Item>('POST', '/api/installations', { name })
  const agentPath = `/api/installations/${site.body.id}/agent`
  const { body } = await api.call<{ code: string }>('POST', `${agentPath}/pairing-codes`)
  const configPath = join(stack.dataDir, `own-${site.body.id}`, 'config.json')
  const healthPort = String(await freePort())
  const ports = { TRAVESSIA_AGENT_HEALTH_PORT: healthPort, TRAVESSIA_MONITOR_PORT: '0' }
  const env = { ...process.env, ...ports }
  const program = join(root, 'agent/src/main.ts')
  const pair = ['pair', body.code, '--url', stack.httpUrl, '--allow-loopback', ...options]
  // Not in one step: the node may be of this process.
  await promisify(execFile)(process.execPath, [program, ...pair, '--config', configPath], { env })
  const isOnline = async (wanted: boolean) =>
    ((await api.get<{ status: string }>(agentPath)).status === 'ONLINE') === wanted
  const agent: OwnAgent = {
    installationId: site.body.id,
    configPath,
    process: undefined as never,
    async run() {
      const stdio = ['ignore', 'ignore', 'ignore'] as const
      const args = [program, 'run', '--config', configPath]
      agent.process = spawn(process.execPath, args, { env, stdio: [...stdio] })
      await eventually(() => isOnline(true), { withinMs: 60_000, what: `agent of ${name} online` })
    },
    async stop() {
      await ended(agent.process, 'SIGTERM')
      await eventually(() => isOnline(false), { what: `agent of ${name} offline` })
    },
    async streams() {
      const health = await fetch(`http://127.0.0.1:${healthPort}/health`)
      return ((await health.json()) as { streams: number }).streams
    },
  }
  return agent
}

/** A device of `kind: http` (or other fields) that the installation's agent reaches. */
export async function registerDevice(
  api: Api,
  installationId: string,
  fields: { readonly name: string; readonly baseUrl: string } & Record<string, unknown>,
): Promise<Item> {
  const body = { kind: 'http', driver: 'http', viaAgent: true, ...fields }
  const path = `/api/installations/${installationId}/devices`
  const registered = await api.call<Item>('POST', path, body)
  if (registered.status !== 201) throw new Error(JSON.stringify(registered.body))
  return registered.body
}
