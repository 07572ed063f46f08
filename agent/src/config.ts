/**
 * The agent's configuration file and environment. The file is written whole, mode 0600, and holds the
 * agent's private keys, which never leave the host.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { checkJson } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { deviceListSchema } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { idPattern } from '@travessia/schemas/ids'
import { sitePolicySchema } from '@travessia/schemas/site-policy'
import { type Static, Type } from 'typebox'
import { replaceFile } from './durable-file.ts'
import type { ProxySettings } from './proxy.ts'
import { claimOf } from './site-policy.ts'

const id = Type.String({ pattern: idPattern })
const jwk = Type.Record(Type.String(), Type.Unknown())

const schema = Type.Object({
  apiUrl: Type.String(),
  wsUrl: Type.String(),
  agentId: id,
  tenantId: id,
  installationId: id,
  name: Type.String(),
  /** Ed25519, proves who the agent is. */
  privateKey: jwk,
  /** X25519, opens device credentials. */
  encryptionKey: jwk,
  /** Ed25519 public keys that sign commands and device lists, pinned at pairing. */
  serverKeys: Type.Array(jwk),
  token: Type.String(),
  /** ms since 1970. */
  tokenExpiresAt: Type.Number(),
  devices: deviceListSchema,
  /** Devices on this host may be reached (set at pairing). */
  allowLoopback: Type.Boolean(),
  /** What this site allows (set at pairing), and what the cloud was told of it; absent: everything. */
  policy: Type.Optional(sitePolicySchema),
  policyProof: Type.Optional(Type.String()),
})
export type AgentConfig = Static<typeof schema>

const isConfig = compile(schema)

/** Where `pair` writes. */
export const defaultConfigPath = configPathIn(homedir())

/** Where the others read: the path of the original connector still serves while there is no file of ours. */
export function existingConfigPath(home = homedir()): string {
  const own = configPathIn(home)
  const original = join(home, '.openturn-connector', 'config.json')
  return !existsSync(own) && existsSync(original) ? original : own
}

function configPathIn(home: string): string {
  return join(home, '.travessia-agent', 'config.json')
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export type Environment = {
  readonly healthPort: number
  /** Where devices of the LAN tell what happens. */
  readonly monitorPort: number
  readonly logLevel: (typeof logLevels)[number]
  readonly proxies: ProxySettings
  /** `systemd-notify` has somebody to tell. */
  readonly hasSystemd: boolean
  /** How long systemd waits for a sign of life; 0: it does not. */
  readonly watchdogMs: number
}

/** @throws TravessiaError CONFIG_INVALID that names every wrong variable */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const healthPort = Number(env['TRAVESSIA_AGENT_HEALTH_PORT'] || 22_100)
  const wantedLevel = env['TRAVESSIA_LOG_LEVEL'] || 'info'
  const logLevel = logLevels.find((level) => level === wantedLevel)
  const monitorPort = Number(env['TRAVESSIA_MONITOR_PORT'] || 22_101)
  const isPort = (port: number) => Number.isInteger(port) && port >= 0 && port <= 65_535
  const wrong = [
    ...(isPort(healthPort) ? [] : ['TRAVESSIA_AGENT_HEALTH_PORT must be a port']),
    ...(isPort(monitorPort) ? [] : ['TRAVESSIA_MONITOR_PORT must be a port']),
    ...(logLevel ? [] : [`TRAVESSIA_LOG_LEVEL must be one of ${logLevels.join(', ')}`]),
  ]
  if (wrong.length > 0 || !logLevel)
    throw new TravessiaError('CONFIG_INVALID', { problem: `${wrong.join('; ')}.` })
  return {
    ...{ healthPort, monitorPort, logLevel },
    proxies: {
      http: env['http_proxy'] || env['HTTP_PROXY'],
      https: env['https_proxy'] || env['HTTPS_PROXY'],
      except: env['no_proxy'] || env['NO_PROXY'] || '',
    },
    hasSystemd: env['NOTIFY_SOCKET'] !== undefined,
    watchdogMs: Number(env['WATCHDOG_USEC'] ?? 0) / 1000,
  }
}

/** @returns undefined: not paired yet. @throws TravessiaError CONFIG_INVALID for a file that cannot be used */
export function readAgentConfig(path: string): AgentConfig | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new TravessiaError('CONFIG_INVALID', { problem: `${path} cannot be read` }, { cause })
  }
  try {
    return requireStated(checkJson(isConfig, text))
  } catch (cause) {
    const { at, problem } = (cause as TravessiaError).details
    const where = at === '' ? '' : ` at ${at}`
    throw new TravessiaError('CONFIG_INVALID', { problem: `${path}${where}: ${problem}` })
  }
}

/** Edited by hand the policy would no longer be the one that the cloud shows: closed until it is stated again. */
function requireStated(config: AgentConfig): AgentConfig {
  const { policy, policyProof } = config
  const claim = policy && Buffer.from(claimOf(policy)).toString('base64url')
  if (policyProof?.split('.')[1] === claim) return config
  const problem = 'was changed after pairing. Unpair, and pair again with --policy FILE.'
  throw new TravessiaError('CONFIG_INVALID', { at: '/policy', problem })
}

/** Others of the host could read the agent's keys. */
export function isReadableByOthers(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0
}

export function writeAgentConfig(path: string, config: AgentConfig): void {
  replaceFile(path, `${JSON.stringify(config, null, 2)}\n`)
}
