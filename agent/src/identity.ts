/** Who the agent is: key pairs made here, a code exchanged for a token, the token renewed by proof of possession. */

import { type AgentToken, agentTokenSchema } from '@travessia/schemas/api/agents'
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { isErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { tokenKinds } from '@travessia/schemas/token-claims'
import {
  CompactSign,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose'
import { request } from 'undici'
import type { AgentConfig } from './config.ts'
import { dispatcherFor, isLoopbackHost, type ProxySettings } from './proxy.ts'
import { claimOf } from './site-policy.ts'

const isAgentToken = compile(agentTokenSchema)
const proofSeconds = 60
const withinMs = 15_000
/** From the connection on: an answer that comes byte by byte ends, too. */
const totalMs = 60_000
const maxAnswerBytes = 256 * 1024

type PairRequest = {
  readonly code: string
  readonly apiUrl: string
  readonly name: string
  readonly hostname: string
  readonly version: string
  readonly os: string
  readonly allowLoopback: boolean
  readonly policy?: SitePolicy
}

/** @throws TravessiaError CONFIG_INVALID: credentials would cross a network in the clear */
export function requireSafeUrl(text: string): URL {
  const url = /^\w+:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (!url) {
    const problem = `${text} is not the address of a server: it begins with https://`
    throw new TravessiaError('CONFIG_INVALID', { problem })
  }
  const isSecure = ['https:', 'wss:', 'mqtts:'].includes(url.protocol)
  if (!isSecure && !isLoopbackHost(url.hostname)) {
    const problem = `${url.protocol}// is allowed to this host only: use https://`
    throw new TravessiaError('CONFIG_INVALID', { problem })
  }
  return url
}

/** @throws TravessiaError PAIRING_CODE_INVALID, RATE_LIMITED, … as the server says */
export async function pair(wanted: PairRequest, proxies: ProxySettings): Promise<AgentConfig> {
  const { apiUrl, code, name, hostname, version, os, allowLoopback } = wanted
  const signing = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const sealing = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true })
  const publicKey = publicPart(await exportJWK(signing.publicKey))
  const encryptionKey = publicPart(await exportJWK(sealing.publicKey))
  const stated = wanted.policy ? await state(wanted.policy, signing.privateKey) : {}
  const body = { code, publicKey, encryptionKey, hostname, name, version, os, ...stated }
  const answer = await post(new URL('/api/agents/pair', requireSafeUrl(apiUrl)), body, proxies)
  requireSafeUrl(answer.endpoints.wsUrl)
  const { agentId, tenantId, installationId } = answer
  return {
    ...{ agentId, tenantId, installationId, name, allowLoopback },
    apiUrl: answer.endpoints.apiUrl,
    wsUrl: answer.endpoints.wsUrl,
    privateKey: { ...(await exportJWK(signing.privateKey)) },
    encryptionKey: { ...(await exportJWK(sealing.privateKey)) },
    serverKeys: answer.serverKeys,
    token: answer.token,
    tokenExpiresAt: Date.parse(answer.expiresAt),
    devices: { tenantId, agentId, version: 0, devices: [] },
    ...stated,
  }
}

async function state(policy: SitePolicy, key: CryptoKey) {
  const { typ, alg } = tokenKinds.policy
  const policyProof = await new CompactSign(claimOf(policy))
    .setProtectedHeader({ alg, typ })
    .sign(key)
  return { policy, policyProof }
}

/** A fresh token. @throws TravessiaError AGENT_REVOKED: unpaired, final */
export async function renewToken(
  config: AgentConfig,
  proxies: ProxySettings,
): Promise<Pick<AgentConfig, 'token' | 'tokenExpiresAt' | 'wsUrl'>> {
  const key = await importJWK(config.privateKey as JWK, tokenKinds.proof.alg)
  const proof = await new SignJWT({ jti: newId() })
    .setProtectedHeader({ alg: tokenKinds.proof.alg, typ: tokenKinds.proof.typ })
    .setIssuer(config.agentId)
    .setSubject(config.agentId)
    .setAudience(tokenKinds.proof.aud)
    .setIssuedAt()
    .setExpirationTime(`${proofSeconds} s`)
    .sign(key)
  const url = new URL('/api/agents/token', requireSafeUrl(config.apiUrl))
  const { token, expiresAt, endpoints } = await post(
    url,
    { agentId: config.agentId, proof },
    proxies,
  )
  requireSafeUrl(endpoints.wsUrl)
  return { token, tokenExpiresAt: Date.parse(expiresAt), wsUrl: endpoints.wsUrl }
}

async function post(url: URL, body: unknown, proxies: ProxySettings): Promise<AgentToken> {
  const dispatcher = dispatcherFor(url, proxies)
  try {
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: withinMs,
      bodyTimeout: withinMs,
      signal: AbortSignal.timeout(totalMs),
      ...(dispatcher ? { dispatcher } : {}),
    })
    const { statusCode } = response
    const answer = parse(await textOf(response.body))
    if (statusCode < 300) return check(isAgentToken, answer)
    const code = (answer as { code?: unknown } | undefined)?.code
    if (isErrorCode(code)) throw new TravessiaError(code, { status: statusCode })
    throw new TravessiaError('INTERNAL', { problem: `${url.origin} answered ${statusCode}.` })
  } finally {
    await dispatcher?.close()
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new TravessiaError('MESSAGE_INVALID', { problem: 'too long' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function publicPart({ kty, crv, x }: JWK) {
  return { kty, crv, x }
}
