/**
 * The demo: two tenants, their people, installations, simulated devices and agents. All of it is
 * made through the public HTTP API and the agent's own commands, so it shows only what users can do.
 * A second start finds everything and changes nothing.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentState, DeviceBody, Installation, PairingCode } from '@travessia/schemas/api'
import { simulatedApiKey } from '../agent/src/simulators/octoprint.ts'
import { demoAccounts, demoPassword } from '../api/src/demo-accounts.ts'
import { builtAgent } from './builds.ts'
import { keepChild, runChild } from './children.ts'
import { type Api, createApi } from './demo-api.ts'
import { type DemoDevices, startDevices } from './demo-devices.ts'

type Demo = { readonly httpUrl: string; readonly wsUrl: string; readonly directory: string }

/** The second tenant's agent is away for a while now and then, on purpose. */
const onlineMs = 150_000
const awayMs = 20_000

export async function startDemo(demo: Demo): Promise<void> {
  const devices = await startDevices(demo.directory)
  await Promise.all([firstTenant(demo, devices), secondTenant(demo, devices)])
}

async function firstTenant(demo: Demo, devices: DemoDevices): Promise<void> {
  const admin = createApi(demo.httpUrl)
  await admin.signInOrRegister(founder('admin@demo.travessia', 'Condomínio Aurora'))
  const colleagues = demoAccounts.filter(
    ({ email }) => email.endsWith('@demo.travessia') && email !== 'admin@demo.travessia',
  )
  const known = await admin.items<{ email: string }>('/api/users')
  for (const { email, name, role } of colleagues) {
    if (known.some((user) => user.email === email)) continue
    await admin.call('POST', '/api/users', { email, name, role, password: demoPassword })
  }
  await Promise.all([
    installation(demo, admin, 'Matriz', [
      turnstile('Catraca Entrada Principal', devices.entrance),
      printer('Impressora 3D', devices.printer),
      { ...page('Câmera Recepção', 'camera', devices.camera), driver: 'camera' },
      { ...page('Sistema local', 'system', devices.system), targets: devices.systemTargets },
    ]).then((startAgent) => startAgent()),
    installation(demo, admin, 'Filial', [turnstile('Catraca Garagem', devices.garage)]).then(
      (startAgent) => startAgent(),
    ),
  ])
}

async function secondTenant(demo: Demo, devices: DemoDevices): Promise<void> {
  const manager = createApi(demo.httpUrl)
  await manager.signInOrRegister(founder('gestor@outro.travessia', 'Outro Cliente'))
  const startAgent = await installation(demo, manager, 'Sede', [
    turnstile('Catraca Sede', devices.foreign),
  ])
  const first = await startAgent()
  void dropAndReturn(first, startAgent, { onlineMs, awayMs })
}

function founder(email: string, tenantName: string) {
  const name = demoAccounts.find((one) => one.email === email)?.name ?? email
  return { email, name, tenantName, password: demoPassword }
}

type Agent = { stop(): Promise<void> }

export async function dropAndReturn(
  first: Agent,
  startAgent: () => Promise<Agent>,
  { onlineMs, awayMs }: { onlineMs: number; awayMs: number },
): Promise<never> {
  let agent = first
  for (;;) {
    await sleep(onlineMs)
    await agent.stop()
    await sleep(awayMs)
    // One that cannot start, while its program is built anew, stays away until the next turn.
    agent = await startAgent().catch(() => agent)
  }
}

/** Makes the installation with its devices if it is not there, pairs its agent once; gives what starts the agent. */
async function installation(
  demo: Demo,
  api: Api,
  name: string,
  devices: readonly DeviceBody[],
): Promise<() => Promise<Agent>> {
  const all = await api.items<Installation>('/api/installations')
  const site =
    all.find((one) => one.name === name) ??
    (await api.call<Installation>('POST', '/api/installations', { name }))
  const known = await api.items<{ name: string }>(`/api/installations/${site.id}/devices`)
  for (const device of devices) {
    if (known.some((one) => one.name === device.name)) continue
    await api.call('POST', `/api/installations/${site.id}/devices`, device)
  }
  const directory = join(demo.directory, `agent-${site.slug}`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const config = join(directory, 'config.json')
  const logFile = join(demo.directory, `agent-${site.slug}.log`)
  const agent = (...args: string[]) => ({
    args: [builtAgent, ...args, '--config', config],
    env: { TRAVESSIA_AGENT_HEALTH_PORT: '0', TRAVESSIA_MONITOR_PORT: '0' },
    logFile,
  })
  const { agentId } = await api.call<AgentState>('GET', `/api/installations/${site.id}/agent`)
  if (agentId === null || !existsSync(config)) {
    if (agentId !== null) await api.call('DELETE', `/api/installations/${site.id}/agent`)
    const path = `/api/installations/${site.id}/agent/pairing-codes`
    const { code } = await api.call<PairingCode>('POST', path, {})
    const pair = ['pair', code, '--url', demo.httpUrl, '--name', `Servidor ${name}`]
    await runChild(agent(...pair, '--allow-loopback'))
  } else {
    readdress(config, demo)
  }
  return () => keepChild(agent('run'))
}

/** The ports may not be those of the last start: the agent dials where the node listens now. */
function readdress(config: string, { httpUrl, wsUrl }: Demo): void {
  const paired = JSON.parse(readFileSync(config, 'utf8')) as object
  writeFileSync(config, JSON.stringify({ ...paired, apiUrl: httpUrl, wsUrl }), { mode: 0o600 })
}

function turnstile(name: string, baseUrl: string): DeviceBody {
  const credentials = { login: 'admin', password: 'admin' }
  return { name, kind: 'turnstile', driver: 'control-id', baseUrl, viaAgent: true, credentials }
}

function printer(name: string, baseUrl: string): DeviceBody {
  const credentials = { login: '', password: simulatedApiKey }
  return { name, kind: 'printer', driver: 'octoprint', baseUrl, viaAgent: true, credentials }
}

function page(name: string, kind: DeviceBody['kind'], baseUrl: string): DeviceBody {
  return { name, kind, driver: 'http', baseUrl, viaAgent: true }
}
