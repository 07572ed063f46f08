import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { createTokenVerifier } from './token-verifier.ts'

type Key = { readonly kid: string; readonly sign: Signer; readonly jwk: JWK }
type Signer = Awaited<ReturnType<typeof generateKeyPair>>['privateKey']

const second = 1_000_000_000
const now = () => second * 1000
const ids = { sub: newId(), tenantId: newId(), installationId: newId() }

async function newKey(): Promise<Key> {
  const kid = 'a'
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  return { kid, sign: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256' } }
}

/** An api that shows these keys. */
async function startApi(keys: Key[], { status = 200 } = {}) {
  const asked = { count: 0 }
  const server = createServer((_request, response) => {
    asked.count += 1
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const stop = () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(stop)
  const { port } = server.address() as AddressInfo
  return { jwksUrl: `http://127.0.0.1:${port}/keys`, asked, stop }
}

type Kind = 'agent' | 'node' | 'user'
type Changes = { readonly typ?: string; readonly iat?: number; readonly exp?: number }

function tokenOf(
  key: Key,
  kind: Kind,
  { typ, iat = second - 60, exp = second + 60 }: Changes = {},
) {
  const { alg, aud, typ: own } = tokenKinds[kind]
  const { tenantId, installationId } = ids
  const claims = kind === 'agent' ? { tenantId, installationId, cnf: { jkt: 'x'.repeat(43) } } : {}
  return new SignJWT({ ...claims, jti: newId() })
    .setProtectedHeader({ alg, typ: typ ?? own, kid: key.kid })
    .setIssuer('travessia')
    .setAudience(aud)
    .setSubject(ids.sub)
    .setIssuedAt(iat)
    .setExpirationTime(exp)
    .sign(key.sign)
}

const neverRevoked = () => undefined

test('a token of an agent and one of a node say who they are, with one question for the keys', async () => {
  const key = await newKey()
  const { jwksUrl, asked } = await startApi([key])
  const verify = createTokenVerifier({ jwksUrl, revokedAt: neverRevoked, now })
  const expiresAt = (second + 60) * 1000
  const { sub, tenantId } = ids
  const agent = { kind: 'agent', tenantId, agentId: sub, expiresAt }
  expect(await verify(await tokenOf(key, 'agent'))).toEqual(agent)
  const node = { kind: 'node', nodeId: sub, expiresAt }
  expect(await verify(await tokenOf(key, 'node'))).toEqual(node)
  expect(asked.count).toBe(1)
})

test('what is not signed by the api, of another kind, or over is refused', async () => {
  const [key, other] = [await newKey(), await newKey()]
  const { jwksUrl } = await startApi([key])
  const verify = createTokenVerifier({ jwksUrl, revokedAt: neverRevoked, now })
  const refused = async (token: string, code: string) =>
    expect(verify(token)).rejects.toThrow(expect.objectContaining({ code }))
  await refused('', 'TOKEN_INVALID')
  await refused(await tokenOf(other, 'agent'), 'TOKEN_INVALID')
  await refused(await tokenOf(key, 'user'), 'TOKEN_INVALID')
  await refused(await tokenOf(key, 'user', { typ: tokenKinds.node.typ }), 'TOKEN_INVALID')
  await refused(await tokenOf(key, 'node', { typ: tokenKinds.agent.typ }), 'MESSAGE_INVALID')
  await refused(await tokenOf(key, 'agent', { exp: second - 60 }), 'TOKEN_EXPIRED')
})

test('a token from until the revocation is refused, a later one of the same agent is not', async () => {
  const key = await newKey()
  const { jwksUrl } = await startApi([key])
  const revokedAt = (agentId: string) => (agentId === ids.sub ? now() + 500 : undefined)
  const verify = createTokenVerifier({ jwksUrl, revokedAt, now })
  for (const iat of [second - 60, second])
    await expect(verify(await tokenOf(key, 'agent', { iat }))).rejects.toThrow(
      expect.objectContaining({ code: 'AGENT_REVOKED' }),
    )
  expect(await verify(await tokenOf(key, 'agent', { iat: second + 1 }))).toMatchObject({
    agentId: ids.sub,
  })
})

test('without the keys nobody is let in, and nobody is told that its token is bad', async () => {
  const key = await newKey()
  const away = await startApi([key])
  away.stop()
  const broken = await startApi([key], { status: 500 })
  for (const { jwksUrl } of [away, broken]) {
    const verify = createTokenVerifier({ jwksUrl, revokedAt: neverRevoked, now })
    const error = await verify(await tokenOf(key, 'agent')).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(TravessiaError)
  }
})
