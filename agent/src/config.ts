/**
 * The agent's configuration file: written whole, mode 0600, tmp + fsync + rename, so that a crash leaves the
 * old or the new one. It holds the agent's private keys, which never leave the host.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { checkJson, type Validator } from '@travessia/schemas/check'
import { deviceListSchema } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { idPattern } from '@travessia/schemas/ids'
import { Ajv } from 'ajv'
import { type Static, Type } from 'typebox'

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
})
export type AgentConfig = Static<typeof schema>

const isConfig = new Ajv().compile(schema) as Validator<AgentConfig>

export const defaultConfigPath = join(homedir(), '.travessia-agent', 'config.json')

export const environment = {
  healthPort: Number(process.env['TRAVESSIA_AGENT_HEALTH_PORT'] ?? 22_100),
  logLevel: process.env['TRAVESSIA_LOG_LEVEL'] ?? 'info',
  hasSystemd: process.env['NOTIFY_SOCKET'] !== undefined,
  watchdogMs: Number(process.env['WATCHDOG_USEC'] ?? 0) / 1000,
}

/** @returns undefined: not paired yet. @throws TravessiaError MESSAGE_INVALID for a damaged file */
export function readAgentConfig(path: string): AgentConfig | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new TravessiaError('CONFIG_INVALID', { path }, { cause: error })
  }
  return checkJson(isConfig, text)
}

/** Others of the host could read the agent's keys. */
export function isReadableByOthers(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0
}

export function writeAgentConfig(path: string, config: AgentConfig): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  writeSync(file, `${JSON.stringify(config, null, 2)}\n`)
  fsyncSync(file)
  closeSync(file)
  renameSync(temporary, path)
}
