/** `doctor`: tries each step of the way and says at which one it ends. Changes nothing. */
import { connect } from 'node:net'
import { TravessiaError } from '@travessia/schemas/errors'
import { request } from 'undici'
import { WebSocket } from 'ws'
import { type AgentConfig, isReadableByOthers } from '../config.ts'
import { requireSafeUrl } from '../identity.ts'
import { lanAddresses } from '../network.ts'
import { targetOf } from '../target-policy.ts'
import { readArguments, requirePaired } from './arguments.ts'

const withinMs = 5_000
const maxClockErrorMs = 60_000

type Check = { readonly name: string; readonly run: () => Promise<string> }

export async function run(args: string[]): Promise<void> {
  const { configPath } = readArguments(args)
  const config = requirePaired(configPath)
  let failures = 0
  for (const { name, run: attempt } of checksOf(config, configPath)) {
    try {
      process.stdout.write(`  ok   ${name}: ${await attempt()}\n`)
    } catch (error) {
      failures += 1
      process.stdout.write(`  FAIL ${name}: ${reasonOf(error)}\n`)
    }
  }
  process.exitCode = failures === 0 ? 0 : 1
}

function checksOf(config: AgentConfig, configPath: string): Check[] {
  return [
    { name: 'configuration', run: async () => fileMode(configPath) },
    { name: 'LAN address', run: async () => required(lanAddresses().join(', '), 'none') },
    { name: 'server', run: async () => clockOf(config) },
    { name: 'broker', run: async () => dial(config) },
    ...config.devices.devices.map((device) => ({
      name: `device ${device.baseUrl}`,
      run: async () => reach(targetOf(device)),
    })),
  ]
}

function fileMode(path: string): string {
  if (isReadableByOthers(path)) throw new Error(`others can read ${path}: chmod 600`)
  return path
}

/** The server answers, and its clock is near ours. */
async function clockOf({ apiUrl }: AgentConfig): Promise<string> {
  const { headers, body } = await request(new URL('/healthz', requireSafeUrl(apiUrl)), {
    headersTimeout: withinMs,
  })
  await body.dump()
  const offMs = Math.abs(Date.parse(String(headers['date'])) - Date.now())
  if (offMs > maxClockErrorMs) throw new Error(`clocks differ by ${Math.round(offMs / 1000)} s`)
  return apiUrl
}

async function dial({ wsUrl }: AgentConfig): Promise<string> {
  const socket = new WebSocket(requireSafeUrl(wsUrl), 'mqtt', { handshakeTimeout: withinMs })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.terminate()
  return wsUrl
}

async function reach({ hostname, port }: { hostname: string; port: number }): Promise<string> {
  const socket = connect({ host: hostname, port, timeout: withinMs })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
    socket.once('timeout', () => reject(new Error('no answer')))
  }).finally(() => socket.destroy())
  return 'connects'
}

function required(value: string, otherwise: string): string {
  if (value === '') throw new Error(otherwise)
  return value
}

function reasonOf(error: unknown): string {
  const { message, code } = error as Error & { code?: string }
  if (error instanceof TravessiaError) return `${error.message} ${error.details['problem'] ?? ''}`
  return message || code || 'failed'
}
