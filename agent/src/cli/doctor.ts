/** `doctor`: tries each step of the way and says at which one it ends, and what to do. Changes nothing. */
import { TravessiaError } from '@travessia/schemas/errors'
import { request } from 'undici'
import { WebSocket } from 'ws'
import {
  type AgentConfig,
  type Environment,
  isReadableByOthers,
  readEnvironment,
} from '../config.ts'
import { connectTo } from '../device-pools.ts'
import { requireSafeUrl } from '../identity.ts'
import { lanAddresses } from '../network.ts'
import { dispatcherFor, proxyOf, webSocketOptions } from '../proxy.ts'
import { policyLines } from '../site-policy.ts'
import { targetOf } from '../target-policy.ts'
import { readArguments, requirePaired } from './arguments.ts'

const withinMs = 5_000
const maxClockErrorMs = 60_000

type Check = { readonly name: string; readonly run: () => Promise<string>; readonly hint: string }

export async function run(args: string[]): Promise<void> {
  const { configPath } = readArguments(args)
  const config = requirePaired(configPath)
  let failures = 0
  for (const { name, run: attempt, hint } of checksOf(config, configPath, readEnvironment())) {
    try {
      process.stdout.write(`  ok   ${name}: ${await attempt()}\n`)
    } catch (error) {
      failures += 1
      process.stdout.write(`  FAIL ${name}: ${reasonOf(error)}\n       ${hint}\n`)
    }
  }
  process.exitCode = failures === 0 ? 0 : 1
}

function checksOf(config: AgentConfig, configPath: string, environment: Environment): Check[] {
  const { healthPort } = environment
  return [
    {
      ...{ name: 'configuration', run: async () => fileMode(configPath) },
      hint: `Others of this host can use its identity: chmod 600 ${configPath}`,
    },
    {
      ...{ name: 'rules of this site', run: async () => policyLines(config.policy).join('; ') },
      hint: '',
    },
    {
      ...{ name: 'LAN address', run: async () => required(lanAddresses().join(', '), 'none') },
      hint: 'This host has no network: check cable, Wi-Fi and DHCP.',
    },
    {
      ...{ name: 'proxy', run: async () => proxyNames(config, environment) },
      hint: 'Set HTTPS_PROXY to http://host:port, or remove it.',
    },
    {
      ...{
        name: 'server',
        run: async () => serverDate(config, environment).then(() => config.apiUrl),
      },
      hint: 'Check DNS, the firewall (outbound 443) and HTTPS_PROXY.',
    },
    {
      ...{ name: 'clock', run: async () => clockError(await serverDate(config, environment)) },
      hint: 'Set the time of this host: timedatectl set-ntp true',
    },
    {
      ...{ name: 'token', run: async () => tokenLife(config) },
      hint: 'A running agent renews it by itself. If it stays so, pair again.',
    },
    {
      ...{ name: 'broker', run: async () => dial(config, environment) },
      hint: 'The way to the server is open but not for WebSockets: ask for it at the proxy or firewall.',
    },
    {
      ...{ name: 'agent', run: async () => running(healthPort) },
      hint: 'Start it: travessia-agent run, or systemctl start travessia-agent. UNPAIRED: pair it again with a new code.',
    },
    ...config.devices.devices.map((device) => ({
      name: `device ${device.baseUrl}`,
      run: async () => {
        const policy = {
          allowLoopback: () => config.allowLoopback,
          forbiddenPorts: () => [healthPort],
        }
        const socket = await connectTo(targetOf(device), policy, withinMs)
        socket.destroy()
        return 'connects'
      },
      hint: 'Is it switched on, in this network, and at this address?',
    })),
  ]
}

function fileMode(path: string): string {
  if (isReadableByOthers(path)) throw new Error('readable by others')
  return path
}

function proxyNames({ apiUrl, wsUrl }: AgentConfig, { proxies }: Environment): string {
  const names = [apiUrl, wsUrl].map((url) => proxyOf(new URL(url), proxies)?.host)
  return [...new Set(names)].map((name) => name ?? 'none').join(', ')
}

async function serverDate({ apiUrl }: AgentConfig, { proxies }: Environment): Promise<number> {
  const url = new URL('/healthz', requireSafeUrl(apiUrl))
  const dispatcher = dispatcherFor(url, proxies)
  const { statusCode, headers, body } = await request(url, {
    headersTimeout: withinMs,
    ...(dispatcher ? { dispatcher } : {}),
  })
  await body.dump()
  await dispatcher?.close()
  if (statusCode >= 500) throw new Error(`answered ${statusCode}`)
  return Date.parse(String(headers['date']))
}

function clockError(serverDate: number): string {
  const offMs = Math.abs(serverDate - Date.now())
  const text = `${Math.round(offMs / 1000)} s from the server's`
  if (!(offMs <= maxClockErrorMs)) throw new Error(text)
  return text
}

function tokenLife({ tokenExpiresAt }: AgentConfig): string {
  const minutes = Math.round((tokenExpiresAt - Date.now()) / 60_000)
  if (minutes < 0) throw new Error(`expired ${-minutes} min ago`)
  return `valid for ${minutes} min`
}

async function dial({ wsUrl }: AgentConfig, { proxies }: Environment): Promise<string> {
  const url = requireSafeUrl(wsUrl)
  const options = { handshakeTimeout: withinMs, ...webSocketOptions(url, proxies) }
  const socket = new WebSocket(url, 'mqtt', options)
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.terminate()
  return wsUrl
}

async function running(healthPort: number): Promise<string> {
  const { body } = await request(`http://127.0.0.1:${healthPort}/health`, {
    headersTimeout: withinMs,
  })
  const { status } = (await body.json()) as { status?: unknown }
  if (status !== 'ONLINE') throw new Error(String(status))
  return 'ONLINE'
}

function required(value: string, otherwise: string): string {
  if (value === '') throw new Error(otherwise)
  return value
}

function reasonOf(error: unknown): string {
  const { message, code, cause } = error as Error & { code?: string }
  if (error instanceof TravessiaError)
    return [message, error.details['problem'], cause && reasonOf(cause)].filter(Boolean).join(' ')
  return message || code || 'failed'
}
