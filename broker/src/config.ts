/** The part of the environment that a broker of its own process reads. */
import {
  brokerVariables,
  type Environment,
  prefix,
  readVariables,
} from '@travessia/schemas/environment'
import { TravessiaError } from '@travessia/schemas/errors'
import { isLoopback } from '@travessia/schemas/ip-address'
import { type Static, Type } from 'typebox'

const schema = Type.Object({
  ...brokerVariables,
  /** Where the api is: its keys say which tokens are good. */
  PUBLIC_URL: Type.String({ pattern: '^https?://', default: 'http://localhost:8000' }),
})

export type BrokerConfig = Readonly<Omit<Static<typeof schema>, 'TRUSTED_PROXIES'>> & {
  readonly TRUSTED_PROXIES: readonly string[]
}

/** @throws TravessiaError CONFIG_INVALID; `details.problems` names each variable and what is wrong with it */
export function readConfig(environment: Environment = process.env): BrokerConfig {
  const { values, proxies, problems: wrong } = readVariables(schema, environment)
  const problems = [...wrong, ...publicUrlProblems(values.PUBLIC_URL)]
  if (problems.length > 0) throw new TravessiaError('CONFIG_INVALID', { problems })
  return Object.freeze({ ...values, TRUSTED_PROXIES: proxies })
}

/** Whoever answers there can let anybody in, so nobody on the way may. */
function publicUrlProblems(text: string): string[] {
  if (!URL.canParse(text)) return [`${prefix}PUBLIC_URL is no address`]
  const { protocol, hostname } = new URL(text)
  if (protocol !== 'http:' || isLoopback(hostname)) return []
  return [`${prefix}PUBLIC_URL must be https: unless it is on loopback`]
}
