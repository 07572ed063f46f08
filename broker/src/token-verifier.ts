/**
 * Who a token is of, by the keys that the api shows. Closed by default: without these keys nobody is let in, and whoever
 * comes meanwhile is told to come again, not that its token is bad.
 */
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { agentClaimsSchema, nodeClaimsSchema, tokenKinds } from '@travessia/schemas/token-claims'
import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import type { Credential, VerifyCredential } from './principal.ts'

const isAgentClaims = compile(agentClaimsSchema)
const isNodeClaims = compile(nodeClaimsSchema)

const keySetLimits = {
  /** Within the time that a client has for its CONNECT. */
  timeoutDuration: 3_000,
  /** An unknown key id asks again, at most this often. */
  cooldownDuration: 10_000,
  /** A key that is not shown any more ends with it. */
  cacheMaxAge: 10 * 60_000,
} as const

type Options = {
  readonly jwksUrl: string
  /** ms since 1970: tokens of this agent from until then are refused. */
  readonly revokedAt: (agentId: string) => number | undefined
  readonly now: () => number
}

export function createTokenVerifier({ jwksUrl, revokedAt, now }: Options): VerifyCredential {
  const keys = createRemoteJWKSet(new URL(jwksUrl), keySetLimits)
  return async (token) => {
    const kind = kindOf(token)
    const payload = await verify(token, { kind, keys, now })
    if (kind === 'node') {
      const { sub: nodeId, exp } = check(isNodeClaims, payload)
      return { kind, nodeId, expiresAt: exp * 1000 }
    }
    const { sub: agentId, tenantId, iat, exp } = check(isAgentClaims, payload)
    // `iat` is in whole seconds: one of that very second may be older than the revocation.
    if (iat * 1000 <= (revokedAt(agentId) ?? 0)) throw new TravessiaError('AGENT_REVOKED')
    return { kind, tenantId, agentId, expiresAt: exp * 1000 }
  }
}

type Kind = Credential['kind']

function kindOf(token: string): Kind {
  try {
    const { typ } = decodeProtectedHeader(token)
    if (typ === tokenKinds.agent.typ) return 'agent'
    if (typ === tokenKinds.node.typ) return 'node'
  } catch {
    // No JWS at all.
  }
  throw new TravessiaError('TOKEN_INVALID')
}

type How = { readonly kind: Kind; readonly keys: JWTVerifyGetKey; readonly now: () => number }

/** @throws TravessiaError: a verdict; any other error: the keys cannot be had now */
async function verify(token: string, { kind, keys, now }: How): Promise<JWTPayload> {
  const { alg, typ, aud } = tokenKinds[kind]
  try {
    const { payload } = await jwtVerify(token, keys, {
      ...{ algorithms: [alg], typ, issuer: 'travessia', audience: aud },
      ...{ clockTolerance: 5, currentDate: new Date(now()) },
    })
    return payload
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw new TravessiaError('TOKEN_EXPIRED', {}, { cause })
    if (!isVerdict(cause)) throw cause
    throw new TravessiaError('TOKEN_INVALID', {}, { cause })
  }
}

function isVerdict(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false
  const aboutKeys = [errors.JWKSTimeout.code, errors.JWKSInvalid.code, errors.JOSEError.code]
  return !aboutKeys.includes(error.code)
}
