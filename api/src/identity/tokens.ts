/**
 * The server's keys and what is signed with them: RS256 for tokens (JWKS), Ed25519 for commands, device lists
 * and grants. Each kind has its own `typ` and audience, and one is never accepted as another.
 */
import { check, type Validator } from '@travessia/schemas/check'
import type { CommandOrder } from '@travessia/schemas/commands'
import { compile } from '@travessia/schemas/compile'
import type { DeviceList } from '@travessia/schemas/devices'
import type { DiscoveryOrder } from '@travessia/schemas/discovery'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Grant } from '@travessia/schemas/grant'
import { newId, systemTenantId } from '@travessia/schemas/ids'
import {
  type AgentClaims,
  agentClaimsSchema,
  tokenKinds,
  type UserClaims,
  userClaimsSchema,
} from '@travessia/schemas/token-claims'
import {
  CompactSign,
  calculateJwkThumbprint,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import type { Vault } from './vault.ts'

const issuer = 'travessia'
export const userTokenSeconds = 3_600
export const agentTokenSeconds = 3_600
/** Its end may end the connection of the whole node, so it is seldom; it is made anew at each dial. */
const nodeTokenSeconds = 7 * 24 * 3_600
export const clockToleranceSeconds = 5

const isUserClaims = compile(userClaimsSchema)
const isAgentClaims = compile(agentClaimsSchema)

type Alg = 'RS256' | 'EdDSA'
type Key = Awaited<ReturnType<typeof importJWK>>
type SigningKey = {
  readonly kid: string
  readonly privateKey: Key
  readonly publicKey: Key
  readonly publicJwk: JWK
}

export class Tokens {
  readonly #tokenKey: SigningKey
  readonly #orderKey: SigningKey
  readonly #now: () => number

  static async create(vault: Vault, now: () => number): Promise<Tokens> {
    const [tokenKey, orderKey] = await Promise.all([
      loadKey(vault, 'token-key', 'RS256'),
      loadKey(vault, 'order-key', 'EdDSA'),
    ])
    return new Tokens(tokenKey, orderKey, now)
  }

  private constructor(tokenKey: SigningKey, orderKey: SigningKey, now: () => number) {
    this.#tokenKey = tokenKey
    this.#orderKey = orderKey
    this.#now = now
  }

  /** `/.well-known/jwks.json`: RS256 keys only. */
  jwks(): { keys: JWK[] } {
    return { keys: [this.#tokenKey.publicJwk] }
  }

  /** What agents pin at pairing. */
  orderKeys(): JWK[] {
    return [this.#orderKey.publicJwk]
  }

  async issueUserToken(
    userId: string,
    loginId: string,
  ): Promise<{ token: string; expiresAt: string }> {
    return this.#issue('user', userId, userTokenSeconds, { sid: loginId })
  }

  async issueAgentToken(
    agentId: string,
    claims: Pick<AgentClaims, 'tenantId' | 'installationId' | 'cnf'>,
  ): Promise<{ token: string; expiresAt: string }> {
    return this.#issue('agent', agentId, agentTokenSeconds, claims)
  }

  /** What this node shows to a broker that runs apart; whoever has the JWKS can check it. */
  async issueNodeToken(nodeId: string): Promise<{ token: string; expiresAt: string }> {
    return this.#issue('node', nodeId, nodeTokenSeconds, {})
  }

  /** @throws TravessiaError TOKEN_INVALID, TOKEN_EXPIRED */
  async verifyUserToken(token: string): Promise<UserClaims> {
    return this.#verify('user', token, isUserClaims)
  }

  /** @throws TravessiaError TOKEN_INVALID, TOKEN_EXPIRED */
  async verifyAgentToken(token: string): Promise<AgentClaims> {
    return this.#verify('agent', token, isAgentClaims)
  }

  async signOrder(order: CommandOrder): Promise<string> {
    return this.#sign('command', order)
  }

  async signDevices(list: DeviceList): Promise<string> {
    return this.#sign('devices', list)
  }

  async signDiscovery(order: DiscoveryOrder): Promise<string> {
    return this.#sign('discover', order)
  }

  async signGrant(grant: Grant): Promise<string> {
    return this.#sign('grant', grant)
  }

  async #issue(kind: 'user' | 'agent' | 'node', subject: string, seconds: number, claims: object) {
    const { alg, typ, aud } = tokenKinds[kind]
    const iat = Math.floor(this.#now() / 1000)
    const token = await new SignJWT({ ...claims, jti: newId() })
      .setProtectedHeader({ alg, typ, kid: this.#tokenKey.kid })
      .setIssuer(issuer)
      .setAudience(aud)
      .setSubject(subject)
      .setIssuedAt(iat)
      .setExpirationTime(iat + seconds)
      .sign(this.#tokenKey.privateKey)
    return { token, expiresAt: new Date((iat + seconds) * 1000).toISOString() }
  }

  async #verify<T>(kind: 'user' | 'agent', token: string, isClaims: Validator<T>): Promise<T> {
    const { alg, typ, aud } = tokenKinds[kind]
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          if (kid !== this.#tokenKey.kid) throw new TravessiaError('TOKEN_INVALID')
          return this.#tokenKey.publicKey
        },
        {
          ...{ algorithms: [alg], typ, issuer, audience: aud },
          ...{ clockTolerance: clockToleranceSeconds, currentDate: new Date(this.#now()) },
        },
      )
      return check(isClaims, payload)
    } catch (cause) {
      const isExpired = cause instanceof errors.JWTExpired
      throw new TravessiaError(isExpired ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID', {}, { cause })
    }
  }

  async #sign(kind: 'command' | 'devices' | 'discover' | 'grant', value: object): Promise<string> {
    const { alg, typ } = tokenKinds[kind]
    return new CompactSign(Buffer.from(JSON.stringify(value)))
      .setProtectedHeader({ alg, typ, kid: this.#orderKey.kid })
      .sign(this.#orderKey.privateKey)
  }
}

/** Killed between making and keeping it: nothing was signed yet, the next start makes another. */
async function loadKey(vault: Vault, id: string, alg: Alg): Promise<SigningKey> {
  const known = vault.get(systemTenantId, id)
  const jwk = known === undefined ? await makeKey(alg) : (JSON.parse(known) as JWK)
  if (known === undefined) vault.put(systemTenantId, id, JSON.stringify(jwk))
  const { kty, n, e, crv, x } = jwk
  const publicPart: JWK = kty === 'RSA' ? ({ kty, n, e } as JWK) : ({ kty, crv, x } as JWK)
  const kid = await calculateJwkThumbprint(publicPart)
  const publicJwk = { ...publicPart, kid, alg, use: 'sig' }
  const [privateKey, publicKey] = await Promise.all([
    importJWK(jwk, alg),
    importJWK(publicJwk, alg),
  ])
  return { kid, privateKey, publicKey, publicJwk }
}

async function makeKey(alg: Alg): Promise<JWK> {
  const options = alg === 'EdDSA' ? { crv: 'Ed25519', extractable: true } : { extractable: true }
  return exportJWK((await generateKeyPair(alg, options)).privateKey)
}
