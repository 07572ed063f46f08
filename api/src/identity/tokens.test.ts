import { createHmac, randomBytes } from 'node:crypto'
import { newId } from '@travessia/schemas/ids'
import { tokenKinds } from '@travessia/schemas/token-claims'
import {
  CompactSign,
  compactVerify,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
} from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { openSecretsDatabase } from './secrets-database.ts'
import { Tokens, userTokenSeconds } from './tokens.ts'
import { Vault } from './vault.ts'

const clock = { now: Date.parse('2026-11-24T12:00:00Z') }
const now = () => clock.now
const database = openSecretsDatabase(':memory:')
const vault = new Vault(database, randomBytes(32).toString('hex'))
const invalid = expect.objectContaining({ code: 'TOKEN_INVALID' })
const expired = expect.objectContaining({ code: 'TOKEN_EXPIRED' })
const [userId, loginId, agentId, tenantId, installationId] = Array.from({ length: 5 }, newId) as [
  string,
  string,
  string,
  string,
  string,
]
const scope = { tenantId, installationId, cnf: { jkt: 'x'.repeat(43) } }
let tokens: Tokens
let signingKey: Awaited<ReturnType<typeof importJWK>>
let kid = ''

beforeAll(async () => {
  tokens = await Tokens.create(vault, now)
  const stored = vault.get('0'.repeat(26), 'token-key') ?? ''
  signingKey = await importJWK(JSON.parse(stored), 'RS256')
  kid = String(tokens.jwks().keys[0]?.kid)
})

/** A user token with our own key, all right but for the change. */
function forge(claims: object = {}, header: object = {}): Promise<string> {
  const iat = Math.floor(clock.now / 1000)
  const { alg, typ, aud } = tokenKinds.user
  const right = {
    iss: 'travessia',
    aud,
    sub: userId,
    sid: loginId,
    iat,
    exp: iat + 60,
    jti: newId(),
  }
  return new SignJWT({ ...right, ...claims })
    .setProtectedHeader({ alg, typ, kid, ...header })
    .sign(signingKey)
}

test('a token of each kind is taken as that kind only', async () => {
  const user = await tokens.issueUserToken(userId, loginId)
  const agent = await tokens.issueAgentToken(agentId, scope)
  expect(await tokens.verifyUserToken(user.token)).toMatchObject({ sub: userId, sid: loginId })
  expect(await tokens.verifyAgentToken(agent.token)).toMatchObject({ sub: agentId, ...scope })
  await expect(tokens.verifyUserToken(agent.token)).rejects.toEqual(invalid)
  await expect(tokens.verifyAgentToken(user.token)).rejects.toEqual(invalid)
  const order = await tokens.signDevices({ tenantId, agentId, version: 1, devices: [] })
  await expect(tokens.verifyUserToken(order)).rejects.toEqual(invalid)
  await expect(tokens.verifyAgentToken(order)).rejects.toEqual(invalid)
})

test('a forged token that differs in nothing is taken, so the refusals below are for their difference', async () => {
  expect(await tokens.verifyUserToken(await forge())).toMatchObject({ sub: userId })
})

test.each([
  ['another typ', {}, { typ: 'JWT' }],
  ['the typ of an agent token', {}, { typ: tokenKinds.agent.typ }],
  ['an unknown kid', {}, { kid: 'other' }],
  ['the kid __proto__', {}, { kid: '__proto__' }],
  ['another issuer', { iss: 'evil' }, {}],
  ['the audience of agents', { aud: tokenKinds.agent.aud }, {}],
  ['two audiences', { aud: [tokenKinds.user.aud, 'x'] }, {}],
  ['no subject', { sub: undefined }, {}],
  ['an empty subject', { sub: '' }, {}],
  ['no sign-in', { sid: undefined }, {}],
  ['no expiry', { exp: undefined }, {}],
  ['an expiry in text', { exp: '9999999999' }, {}],
  ['a broken expiry', { exp: 1e12 + 0.5 }, {}],
  ['an expiry beyond 2^53', { exp: 2 ** 60 }, {}],
])('a token with %s is refused', async (_what, claims, header) => {
  const token = await forge(claims, header).catch(() => 'a.b.c')
  await expect(tokens.verifyUserToken(token)).rejects.toEqual(invalid)
})

test.each(['1e999', '9e99'])('an expiry of %s in the bytes is refused', async (exp) => {
  const iat = Math.floor(clock.now / 1000)
  const text = `{"iss":"travessia","aud":"travessia-api","sub":"${userId}","sid":"${loginId}","iat":${iat},"exp":${exp},"jti":"${newId()}"}`
  const token = await new CompactSign(Buffer.from(text))
    .setProtectedHeader({ alg: 'RS256', typ: tokenKinds.user.typ, kid })
    .sign(signingKey)
  await expect(tokens.verifyUserToken(token)).rejects.toEqual(invalid)
})

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

test.each(['none', 'None', 'HS256', 'HS512', 'ES256', 'PS256'])(
  'algorithm %s is refused, also when signed with what everybody knows',
  async (alg) => {
    const right = await forge()
    const [, payload = ''] = right.split('.')
    const head = part({ alg, typ: tokenKinds.user.typ, kid })
    const secret = JSON.stringify(tokens.jwks().keys[0])
    const signature = alg.startsWith('HS')
      ? createHmac(alg === 'HS256' ? 'sha256' : 'sha512', secret)
          .update(`${head}.${payload}`)
          .digest('base64url')
      : ''
    await expect(tokens.verifyUserToken(`${head}.${payload}.${signature}`)).rejects.toEqual(invalid)
  },
)

test.each(['jku', 'x5u', 'jwk', 'x5c', 'crit'])(
  'a key that the token brings along (%s) is not used',
  async (name) => {
    const attacker = await generateKeyPair('RS256', { extractable: true })
    const publicJwk = await exportJWK(attacker.publicKey)
    const values = {
      jku: 'http://127.0.0.1/jwks',
      x5u: 'http://127.0.0.1/x',
      jwk: publicJwk,
      x5c: ['AA'],
      crit: ['b64'],
    }
    const [, payload = ''] = (await forge()).split('.')
    const head = part({
      alg: 'RS256',
      typ: tokenKinds.user.typ,
      kid,
      [name]: Reflect.get(values, name),
    })
    const signed = await new SignJWT(JSON.parse(Buffer.from(payload, 'base64url').toString()))
      .setProtectedHeader({ alg: 'RS256', typ: tokenKinds.user.typ, kid })
      .sign(attacker.privateKey)
    const [, , signature = ''] = signed.split('.')
    for (const token of [`${head}.${payload}.${signature}`, signed])
      await expect(tokens.verifyUserToken(token)).rejects.toEqual(invalid)
  },
)

test('a token with any changed letter is refused', async () => {
  const token = await forge()
  for (let i = 0; i < token.length; i += 37) {
    const changed = `${token.slice(0, i)}${token[i] === 'A' ? 'B' : 'A'}${token.slice(i + 1)}`
    await expect(tokens.verifyUserToken(changed)).rejects.toEqual(invalid)
  }
  for (const wrong of ['', '.', '..', 'a.b', 'Bearer x', token.slice(0, -20)])
    await expect(tokens.verifyUserToken(wrong)).rejects.toEqual(invalid)
})

test('a token expires, with five seconds of tolerance', async () => {
  const { token } = await tokens.issueUserToken(userId, loginId)
  const start = clock.now
  clock.now = start + (userTokenSeconds + 4) * 1_000
  await tokens.verifyUserToken(token)
  clock.now = start + (userTokenSeconds + 6) * 1_000
  await expect(tokens.verifyUserToken(token)).rejects.toEqual(expired)
  clock.now = start
})

test('the keys are kept sealed: the next start verifies what this one signed', async () => {
  const { token } = await tokens.issueUserToken(userId, loginId)
  const again = await Tokens.create(vault, now)
  expect(await again.verifyUserToken(token)).toMatchObject({ sub: userId })
  const other = await Tokens.create(new Vault(openSecretsDatabase(':memory:'), '0'.repeat(64)), now)
  await expect(other.verifyUserToken(token)).rejects.toEqual(invalid)
})

test('the published key set has public parts only', () => {
  const { keys } = tokens.jwks()
  expect(keys.map((key) => Object.keys(key).sort())).toEqual([
    ['alg', 'e', 'kid', 'kty', 'n', 'use'],
  ])
  for (const key of tokens.orderKeys()) expect(key).not.toHaveProperty('d')
})

test('orders and device lists are signed with the key that agents pin, each with its own typ', async () => {
  const [jwk] = tokens.orderKeys()
  const key = await importJWK(jwk ?? {}, 'EdDSA')
  const jws = await tokens.signDevices({ tenantId, agentId, version: 7, devices: [] })
  const { payload, protectedHeader } = await compactVerify(jws, key)
  expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ version: 7 })
  expect(protectedHeader.typ).toBe(tokenKinds.devices.typ)
})

test('a node’s token is checked with the JWKS alone, and is taken for neither a user’s nor an agent’s', async () => {
  const { token } = await tokens.issueNodeToken(agentId)
  const [jwk] = tokens.jwks().keys
  const { payload } = await jwtVerify(token, await importJWK(jwk ?? {}, 'RS256'), {
    ...{
      typ: tokenKinds.node.typ,
      audience: tokenKinds.node.aud,
      currentDate: new Date(clock.now),
    },
  })
  expect(payload.sub).toBe(agentId)
  await expect(tokens.verifyUserToken(token)).rejects.toEqual(invalid)
  await expect(tokens.verifyAgentToken(token)).rejects.toEqual(invalid)
})
