/** The cloud node's part of the environment: read once, frozen, handed down as values. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  brokerVariables,
  defaultDataDir,
  type Environment,
  port,
  prefix,
  readVariables,
} from '@travessia/schemas/environment'
import { TravessiaError } from '@travessia/schemas/errors'
import { isLoopback } from '@travessia/schemas/ip-address'
import { type Static, Type } from 'typebox'

const optionalUrl = (schemes: string) => Type.Optional(Type.String({ pattern: `^(${schemes})://` }))

const schema = Type.Object({
  ...brokerVariables,
  HTTP_PORT: port(8000),
  REMOTE_PORT: port(8002),
  PUBLIC_URL: optionalUrl('https?'),
  REMOTE_URL: optionalUrl('https?'),
  WS_URL: optionalUrl('wss?|mqtts?'),
  REMOTE_MODE: Type.Enum(['host', 'path'], { default: 'host' }),
  /** The log in PostgreSQL; holds its credential, so it is shown nowhere. */
  DATABASE_URL: optionalUrl('postgres(ql)?'),
  /** Another broker instead of the one in this process; may hold this node's user name and password for it. */
  BROKER_URL: optionalUrl('wss?|mqtts?'),
  /** The operator's word that the broker lets each agent use its own topics only: nothing else keeps customers apart there. */
  BROKER_KEEPS_APART: Type.Enum(['0', '1'], { default: '0' }),
  ENCRYPTION_KEY: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$' })),
  /** Captured bodies and recordings together. */
  BLOBS_MAX_GIB: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 20 }),
  /** Bearer of `/metrics` for those who do not ask from loopback. */
  METRICS_TOKEN: Type.Optional(Type.String({ minLength: 16 })),
  /** Whether strangers may found a customer. */
  REGISTRATION: Type.Enum(['open', 'closed'], { default: 'open' }),
  DEMO: Type.Enum(['0', '1'], { default: '0' }),
})

export type Config = Readonly<
  Omit<Static<typeof schema>, 'DEMO' | 'TRUSTED_PROXIES' | 'BROKER_KEEPS_APART'>
> & {
  readonly DEMO: boolean
  readonly TRUSTED_PROXIES: readonly string[]
  /** Variables that were set and say nothing here, since the broker is another. */
  readonly UNUSED: readonly string[]
}

const urls = [
  'PUBLIC_URL',
  'REMOTE_URL',
  'WS_URL',
  'DATABASE_URL',
  'REDIS_URL',
  'BROKER_URL',
] as const
/** What our own broker would take, were it in this process. */
const ownBrokerOnly = ['WS_PORT', 'MQTT_PORT', 'REDIS_URL', 'MAX_SOCKETS_PER_IP']

/** The key that a demo keeps in its data directory; a directory with it is a demo's. */
export const demoKeyFile = 'demo-encryption-key'

/** For a program that works on a data directory, whoever has run on it. @throws TravessiaError CONFIG_INVALID */
export function readDataConfig(): Config {
  const directory = process.env[`${prefix}DATA_DIR`] || defaultDataDir
  const isDemo = existsSync(join(directory, demoKeyFile))
  return readConfig(isDemo ? { [`${prefix}DEMO`]: '1', ...process.env } : process.env)
}

/**
 * @param needsKey of a program that opens nothing sealed: false
 * @throws TravessiaError CONFIG_INVALID; `details.problems` names each variable and what is wrong with it
 */
export function readConfig(
  environment: Environment = process.env,
  { needsKey = true } = {},
): Config {
  const { values: config, proxies, set, problems: wrong } = readVariables(schema, environment)
  const problems = [...wrong, ...addressProblems(config), ...brokerProblems(config)]
  const isDemo = config.DEMO === '1'
  if (isDemo && !isLoopback(config.HOST))
    problems.push(`${prefix}DEMO=1 needs ${prefix}HOST on loopback`)
  if (needsKey && !isDemo && !config.ENCRYPTION_KEY)
    problems.push(`${prefix}ENCRYPTION_KEY is missing (64 hex digits)`)
  if (problems.length > 0) throw new TravessiaError('CONFIG_INVALID', { problems })
  const unused = config.BROKER_URL ? ownBrokerOnly.filter((name) => set.has(name)) : []
  const { BROKER_KEEPS_APART: _said, PUBLIC_URL, REMOTE_URL, ...rest } = config
  return Object.freeze({
    ...rest,
    ...(PUBLIC_URL ? { PUBLIC_URL: new URL(PUBLIC_URL).origin } : {}),
    ...(REMOTE_URL ? { REMOTE_URL: new URL(REMOTE_URL).origin } : {}),
    DEMO: isDemo,
    UNUSED: unused.map((name) => prefix + name),
    TRUSTED_PROXIES: proxies,
  })
}

/** What the patterns let through. Paths are put behind what browsers open, so it has none of its own. */
function addressProblems(config: Static<typeof schema>): string[] {
  const wrong = urls.filter((name) => config[name] !== undefined && !URL.canParse(config[name]))
  const longer = (['PUBLIC_URL', 'REMOTE_URL'] as const).filter((name) => {
    const url = config[name] === undefined ? null : URL.parse(config[name])
    return url !== null && url.href !== `${url.origin}/`
  })
  return [
    ...wrong.map((name) => `${prefix}${name} is no address`),
    ...longer.map((name) => `${prefix}${name} must end with its host or port`),
  ]
}

/** Closed by default: a broker of somebody else is used on its operator's word only (ADR 16). */
function brokerProblems(config: Static<typeof schema>): string[] {
  const { BROKER_URL: url, BROKER_KEEPS_APART: keepsApart } = config
  if (!url || !URL.canParse(url)) return []
  const isPlain = /^(ws|mqtt):/.test(url)
  const problems: string[] = []
  if (keepsApart !== '1')
    problems.push(
      `${prefix}BROKER_URL needs ${prefix}BROKER_KEEPS_APART=1, your word that this broker lets each agent use its own topics only (docs/protocol.md, "Another broker")`,
    )
  if (isPlain && !isLoopback(new URL(url).hostname))
    problems.push(`${prefix}BROKER_URL must be mqtts: or wss: unless it is on loopback`)
  return problems
}
