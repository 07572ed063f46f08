/** The part of the environment that a broker of its own process reads. Every wrong variable is named at once. */
import { TravessiaError } from '@travessia/schemas/errors'
import { isNetwork } from '@travessia/schemas/ip-address'
import { Ajv } from 'ajv'
import { type Static, Type } from 'typebox'

const port = (value: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: value })

const schema = Type.Object({
  WS_PORT: port(8001),
  MQTT_PORT: port(1883),
  HOST: Type.String({ minLength: 1, default: '127.0.0.1' }),
  DATA_DIR: Type.String({ minLength: 1, default: './data' }),
  /** Where the api is: its keys say which tokens are good. */
  PUBLIC_URL: Type.String({ pattern: '^https?://', default: 'http://localhost:8000' }),
  REDIS_URL: Type.Optional(Type.String({ pattern: '^rediss?://' })),
  TRUSTED_PROXIES: Type.String({ default: '', pattern: '^[0-9a-fA-F.:/, ]*$' }),
  MAX_SOCKETS_PER_IP: Type.Integer({ minimum: 1, default: 200 }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }),
})

export type BrokerConfig = Readonly<Omit<Static<typeof schema>, 'TRUSTED_PROXIES'>> & {
  readonly TRUSTED_PROXIES: readonly string[]
}

const prefix = 'TRAVESSIA_'
const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/
const validate = new Ajv({
  ...{ allErrors: true, coerceTypes: true, useDefaults: true },
  // The schema is ours: compiling the schema of schemas is a twentieth of a start.
  ...{ meta: false, validateSchema: false },
}).compile(schema)

/** @throws TravessiaError CONFIG_INVALID; `details.problems` names each variable and what is wrong with it */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): BrokerConfig {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith(prefix) && value) values[name.slice(prefix.length)] = value
  }
  const problems = validate(values)
    ? []
    : (validate.errors ?? []).map((e) => `${prefix}${e.instancePath.slice(1)} ${e.message}`)
  const config = values as unknown as Static<typeof schema>
  problems.push(...publicUrlProblems(config.PUBLIC_URL))
  const proxies = config.TRUSTED_PROXIES.split(',').flatMap((text) => text.trim() || [])
  for (const text of proxies.filter((one) => !isNetwork(one)))
    problems.push(`${prefix}TRUSTED_PROXIES: ${text} is no address or network`)
  if (problems.length > 0) throw new TravessiaError('CONFIG_INVALID', { problems })
  return Object.freeze({ ...config, TRUSTED_PROXIES: proxies })
}

/** Whoever answers there can let anybody in, so nobody on the way may. */
function publicUrlProblems(text: string): string[] {
  if (!URL.canParse(text)) return [`${prefix}PUBLIC_URL is no address`]
  const { protocol, hostname } = new URL(text)
  if (protocol !== 'http:' || loopback.test(hostname)) return []
  return [`${prefix}PUBLIC_URL must be https: unless it is on loopback`]
}
