import { randomBytes } from 'node:crypto'
import { newId } from '@travessia/schemas/ids'
import { tokenKinds } from '@travessia/schemas/token-claims'
import {
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import { expect, test } from 'vitest'
import { AgentCredentials } from './agent-credentials.ts'
import { Pairing } from './pairing.ts'
import { openSecretsDatabase } from './secrets-database.ts'
import { Tokens } from './tokens.ts'
import { Vault } from './vault.ts'

const clock = { now: Date.parse('2026-11-24T12:00:00Z') }
const now = () => clock.now
const invalid = expect.objectContaining({ code: 'TOKEN_INVALID' })
const expired = expect.objectContaining({ code: 'TOKEN_EXPIRED' })
const revoked = expect.objectContaining({ code: 'AGENT_REVOKED' })
const [tenantId, installationId] = [newId(), newId()]
const scope = { tenantId, installationId, cnf: { jkt: 'x'.repeat(43) } }
const vault = new Vault(openSecretsDatabase(':memory:'), randomBytes(32).toString('hex'))
const tokens = await Tokens.create(vault, now)

async function pairedAgent() {
  const pairing = new Pairing(openSecretsDatabase(':memory:'), now)
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  const id = newId()
  const { code } = pairing.issue({ tenantId, installationId, userId: newId() })
  const publicKey = await exportJWK(pair.publicKey)
  pairing.take(code, { agentId: id, tenantId, installationId, publicKey, encryptionKey: undefined })
  const credentials = new AgentCredentials({ pairing, tokens, now })
  const prove = (
    claims: object = {},
    key = pair.privateKey,
    typ: string = tokenKinds.proof.typ,
  ) => {
    const iat = Math.floor(clock.now / 1000)
    const right = { iss: id, sub: id, aud: tokenKinds.proof.aud, iat, exp: iat + 60, jti: newId() }
    return new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: 'EdDSA', typ }).sign(key)
  }
  return { pairing, credentials, id, prove }
}

test('an agent renews its token with its own key, and the broker takes the new one', async () => {
  const { credentials, id, prove } = await pairedAgent()
  const { token } = await credentials.renew(id, await prove())
  expect(await credentials.verify(token)).toMatchObject({ kind: 'agent', agentId: id, tenantId })
  const { payload } = await jwtVerify(
    token,
    await importJWK(tokens.jwks().keys[0] ?? {}, 'RS256'),
    { currentDate: new Date(clock.now) },
  )
  expect(payload['cnf']).toEqual({ jkt: expect.stringMatching(/^[\w-]{43}$/) })
})

test('a proof is good once, also while clocks are tolerated', async () => {
  const { credentials, id, prove } = await pairedAgent()
  const proof = await prove()
  await credentials.renew(id, proof)
  const start = clock.now
  for (const later of [0, 59_000, 61_000, 119_000, 170_000, 239_000, 241_000]) {
    clock.now = start + later
    await expect(credentials.renew(id, proof)).rejects.toEqual(invalid)
  }
  clock.now = start
})

test.each([
  ['of another agent', { iss: newId() }],
  ['about another agent', { sub: newId() }],
  ['for the broker', { aud: tokenKinds.agent.aud }],
  ['of two minutes ago, tolerance and all', { iat: Math.floor(clock.now / 1000) - 241 }],
  ['without an id', { jti: undefined }],
  ['without an expiry', { exp: undefined }],
])('a proof %s is refused', async (_what, claims) => {
  const { credentials, id, prove } = await pairedAgent()
  await expect(credentials.renew(id, await prove(claims))).rejects.toEqual(invalid)
})

test('a proof with another key, or a token in its place, is refused', async () => {
  const { credentials, id, prove } = await pairedAgent()
  const other = await generateKeyPair('EdDSA')
  await expect(credentials.renew(id, await prove({}, other.privateKey))).rejects.toEqual(invalid)
  await expect(credentials.renew(id, await prove({}, undefined, 'JWT'))).rejects.toEqual(invalid)
  const { token } = await tokens.issueAgentToken(id, scope)
  expect(decodeProtectedHeader(token).alg).toBe('RS256')
  await expect(credentials.renew(id, token)).rejects.toEqual(invalid)
})

test('a revoked or unknown agent neither renews nor connects', async () => {
  const { credentials, id, prove, pairing } = await pairedAgent()
  const { token } = await credentials.renew(id, await prove())
  pairing.revoke(id)
  await expect(credentials.verify(token)).rejects.toEqual(revoked)
  await expect(credentials.renew(id, await prove())).rejects.toEqual(revoked)
  await expect(credentials.renew(newId(), await prove())).rejects.toEqual(revoked)
})

test('a token that was good is refused once its time is over, or its agent revoked', async () => {
  const { credentials, id, prove, pairing } = await pairedAgent()
  const start = clock.now
  const { token } = await credentials.renew(id, await prove())
  await credentials.verify(token)
  clock.now = start + 3_604_999
  await credentials.verify(token)
  clock.now = start + 3_605_000
  await expect(credentials.verify(token)).rejects.toEqual(expired)
  clock.now = start
  await credentials.verify(token)
  pairing.revoke(id)
  await expect(credentials.verify(token)).rejects.toEqual(revoked)
})

test('after a renewal by hand older tokens are refused, newer ones not', async () => {
  const { credentials, id, prove, pairing } = await pairedAgent()
  const start = clock.now
  const old = await credentials.renew(id, await prove())
  clock.now = start + 5_000
  pairing.refuseOldTokens(id)
  await expect(credentials.verify(old.token)).rejects.toEqual(expired)
  const fresh = await credentials.renew(id, await prove())
  expect(await credentials.verify(fresh.token)).toMatchObject({ agentId: id })
  clock.now = start
})

test('a token that names another tenant than the agent’s is refused', async () => {
  const { credentials, id } = await pairedAgent()
  const { token } = await tokens.issueAgentToken(id, { ...scope, tenantId: newId() })
  await expect(credentials.verify(token)).rejects.toEqual(invalid)
})
