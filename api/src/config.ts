/**
 * The cloud node's part of the environment: read once, frozen, handed down as values. Every
 * wrong variable is named at once.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { isNetwork } from '@travessia/schemas/ip-address'
import { Ajv } from 'ajv'
import { type Static, Type } from 'typebox'

const port = (value: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: value })
const optionalUrl = (schemes: string) => Type.Optional(Type.String({ pattern: `^(${schemes})://` }))

const ownDataDir = './data'
const schema = Type.Object({
  HTTP_PORT: port(8000),
  WS_PORT: port(8001),
  REMOTE_PORT: port(8002),
  MQTT_PORT: port(1883),
  HOST: Type.String({ minLength: 1, default: '127.0.0.1' }),
  DATA_DIR: Type.String({ minLength: 1, default: ownDataDir }),
  PUBLIC_URL: optionalUrl('https?'),
  REMOTE_URL: optionalUrl('https?'),
  WS_URL: optionalUrl('wss?|mqtts?'),
  REMOTE_MODE: Type.Enum(['host', 'path'], { default: 'host' }),
  /** The log in PostgreSQL; holds its credential, so it is shown nowhere. */
  DATABASE_URL: optionalUrl('postgres(ql)?'),
  REDIS_URL: optionalUrl('rediss?'),
  /** Another broker instead of the one in this process; may hold this node's user name and password for it. */
  BROKER_URL: optionalUrl('wss?|mqtts?'),
  /** The operator's word that the broker lets each agent use its own topics only: nothing else keeps customers apart there. */
  BROKER_KEEPS_APART: Type.Enum(['0', '1'], { default: '0' }),
  ENCRYPTION_KEY: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$' })),
  /** Addresses of reverse proxies whose X-Forwarded-For is believed, comma separated. */
  TRUSTED_PROXIES: Type.String({ default: '', pattern: '^[0-9a-fA-F.:/, ]*$' }),
  MAX_SOCKETS_PER_IP: Type.Integer({ minimum: 1, default: 200 }),
  /** Captured bodies and recordings together. */
  BLOBS_MAX_GIB: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 20 }),
  /** Bearer of `/metrics` for those who do not ask from loopback. */
  METRICS_TOKEN: Type.Optional(Type.String({ minLength: 16 })),
  DEMO: Type.Enum(['0', '1'], { default: '0' }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }),
})

export type Config = Readonly<
  Omit<Static<typeof schema>, 'DEMO' | 'TRUSTED_PROXIES' | 'BROKER_KEEPS_APART'>
> & {
  readonly DEMO: boolean
  readonly TRUSTED_PROXIES: readonly string[]
  /** Variables that were set and say nothing here, since the broker is another. */
  readonly UNUSED: readonly string[]
}

const prefix = 'TRAVESSIA_'
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
const loopback = new Set(['127.0.0.1', '::1', 'localhost'])
const validate = new Ajv({
  ...{ allErrors: true, coerceTypes: true, useDefaults: true },
  // The schema is ours: compiling the schema of schemas is a twentieth of a start.
  ...{ meta: false, validateSchema: false },
}).compile(schema)

/** The key that a demo keeps in its data directory; a directory with it is a demo's. */
export const demoKeyFile = 'demo-encryption-key'

/** For a program that works on a data directory, whoever has run on it. @throws TravessiaError CONFIG_INVALID */
export function readDataConfig(): Config {
  const directory = process.env[`${prefix}DATA_DIR`] || ownDataDir
  const isDemo = existsSync(join(directory, demoKeyFile))
  return readConfig(isDemo ? { [`${prefix}DEMO`]: '1', ...process.env } : process.env)
}

/**
 * @param needsKey of a program that opens nothing sealed: false
 * @throws TravessiaError CONFIG_INVALID; `details.problems` names each variable and what is wrong with it
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  { needsKey = true } = {},
): Config {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith(prefix) && value !== undefined && value !== '')
      values[name.slice(prefix.length)] = value
  }
  const unused = values['BROKER_URL'] ? ownBrokerOnly.filter((name) => name in values) : []
  const problems = validate(values)
    ? []
    : (validate.errors ?? []).map((e) => `${prefix}${e.instancePath.slice(1)} ${e.message}`)
  const config = values as unknown as Static<typeof schema>
  const isDemo = config.DEMO === '1'
  if (isDemo && !loopback.has(config.HOST))
    problems.push(`${prefix}DEMO=1 needs ${prefix}HOST on loopback`)
  if (needsKey && !isDemo && !config.ENCRYPTION_KEY)
    problems.push(`${prefix}ENCRYPTION_KEY is missing (64 hex digits)`)
  const proxies = config.TRUSTED_PROXIES.split(',').flatMap((text) => text.trim() || [])
  problems.push(...addressProblems(config, proxies), ...brokerProblems(config))
  if (problems.length > 0) throw new TravessiaError('CONFIG_INVALID', { problems })
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
function addressProblems(config: Static<typeof schema>, proxies: readonly string[]): string[] {
  const wrong = urls.filter((name) => config[name] !== undefined && !URL.canParse(config[name]))
  const longer = (['PUBLIC_URL', 'REMOTE_URL'] as const).filter((name) => {
    const url = config[name] === undefined ? null : URL.parse(config[name])
    return url !== null && url.href !== `${url.origin}/`
  })
  return [
    ...wrong.map((name) => `${prefix}${name} is no address`),
    ...longer.map((name) => `${prefix}${name} must end with its host or port`),
    ...proxies
      .filter((text) => !isNetwork(text))
      .map((text) => `${prefix}TRUSTED_PROXIES: ${text} is no address or network`),
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
  if (isPlain && !loopback.has(new URL(url).hostname))
    problems.push(`${prefix}BROKER_URL must be mqtts: or wss: unless it is on loopback`)
  return problems
}
