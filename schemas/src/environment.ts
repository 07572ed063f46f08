/** What a server reads of the environment: variables `TRAVESSIA_…`, an empty one as none, all wrong ones named at once. */
import { Ajv } from 'ajv'
import { type Static, type TObject, Type } from 'typebox'
import { isNetwork } from './ip-address.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const prefix = 'TRAVESSIA_'

export const defaultDataDir = './data'

export const port = (value: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: value })

/** Of whatever has our broker in it. */
export const brokerVariables = {
  WS_PORT: port(8001),
  MQTT_PORT: port(1883),
  HOST: Type.String({ minLength: 1, default: '127.0.0.1' }),
  DATA_DIR: Type.String({ minLength: 1, default: defaultDataDir }),
  REDIS_URL: Type.Optional(Type.String({ pattern: '^rediss?://' })),
  /** Addresses of reverse proxies whose X-Forwarded-For is believed, comma separated. */
  TRUSTED_PROXIES: Type.String({ default: '', pattern: '^[0-9a-fA-F.:/, ]*$' }),
  MAX_SOCKETS_PER_IP: Type.Integer({ minimum: 1, default: 200 }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }),
}

type Variables<T extends TObject> = {
  /** Where there are problems, not yet what the type says. */
  readonly values: Static<T>
  readonly proxies: readonly string[]
  /** Without the prefix; defaults are not among them. */
  readonly set: ReadonlySet<string>
  readonly problems: readonly string[]
}

export function readVariables<T extends TObject<typeof brokerVariables>>(
  schema: T,
  environment: Environment,
): Variables<T> {
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith(prefix) && value) given[name.slice(prefix.length)] = value
  const set = new Set(Object.keys(given))
  // The schema is ours: compiling the schema of schemas is a twentieth of a start.
  const ajv = new Ajv({
    allErrors: true,
    coerceTypes: true,
    useDefaults: true,
    meta: false,
    validateSchema: false,
  })
  const validate = ajv.compile(schema)
  validate(given)
  const values = given as Static<T>
  const proxies = String(given['TRUSTED_PROXIES'])
    .split(',')
    .flatMap((text) => text.trim() || [])
  const problems = [
    ...(validate.errors ?? []).map((e) => `${prefix}${e.instancePath.slice(1)} ${e.message}`),
    ...proxies
      .filter((text) => !isNetwork(text))
      .map((text) => `${prefix}TRUSTED_PROXIES: ${text} is no address or network`),
  ]
  return { values, proxies, set, problems }
}
