import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { Pairing, pairingCodeMs } from './pairing.ts'
import { openSecretsDatabase } from './secrets-database.ts'

const invalid = expect.objectContaining({ code: 'PAIRING_CODE_INVALID' })

function setUp() {
  const clock = { now: 1_000_000 }
  const database = openSecretsDatabase(':memory:')
  const place = { tenantId: newId(), installationId: newId() }
  const keys = () => ({
    ...place,
    agentId: newId(),
    publicKey: { kty: 'OKP' },
    encryptionKey: undefined,
  })
  const pairing = new Pairing(database, () => clock.now)
  return { clock, database, pairing, place, keys, userId: newId() }
}

test('a code is eight of twenty letters, in two groups, and each letter occurs', () => {
  const { pairing, place, userId } = setUp()
  const codes = Array.from({ length: 300 }, () => pairing.issue({ ...place, userId }).code)
  for (const code of codes)
    expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
  expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(20)
  expect(new Set(codes).size).toBe(300)
})

test('a code names its installation, however it is typed, until it is used', () => {
  const { pairing, place, userId, keys } = setUp()
  const { code } = pairing.issue({ ...place, userId })
  for (const typed of [
    code,
    code.toLowerCase(),
    code.replace('-', ''),
    ` ${code.replace('-', ' ')} `,
  ])
    expect(pairing.find(typed)).toEqual({ ...place, userId })
  const agent = keys()
  pairing.take(code.toLowerCase(), agent)
  expect(pairing.keysOf(agent.agentId)).toEqual({ ...agent, tokenNotBefore: 0, isRevoked: false })
  expect(() => pairing.find(code)).toThrow(invalid)
})

test('of two agents that race for one code one wins, the other leaves no keys', () => {
  const { pairing, place, userId, keys, database } = setUp()
  const { code } = pairing.issue({ ...place, userId })
  const [one, two] = [keys(), keys()]
  pairing.find(code)
  pairing.find(code)
  pairing.take(code, one)
  expect(() => pairing.take(code, two)).toThrow(invalid)
  expect(pairing.keysOf(two.agentId)).toBeUndefined()
  expect(database.prepare('select * from agent_key').all()).toHaveLength(1)
})

test('a wrong, an empty and an expired code are the same answer', () => {
  const { pairing, place, userId, keys, clock } = setUp()
  const { code, expiresAt } = pairing.issue({ ...place, userId })
  expect(expiresAt).toBe(clock.now + pairingCodeMs)
  for (const wrong of ['', 'BBBB-BBBB', `${code}B`, '%', "' or 1=1"]) {
    expect(() => pairing.find(wrong)).toThrow(invalid)
    expect(() => pairing.take(wrong, keys())).toThrow(invalid)
  }
  clock.now = expiresAt
  expect(pairing.liveUntil(place.installationId)).toBeUndefined()
  expect(() => pairing.find(code)).toThrow(invalid)
  expect(() => pairing.take(code, keys())).toThrow(invalid)
})

test('a new code replaces the former one of the installation and no other', () => {
  const { pairing, place, userId } = setUp()
  const other = pairing.issue({ tenantId: newId(), installationId: newId(), userId })
  const first = pairing.issue({ ...place, userId })
  const second = pairing.issue({ ...place, userId })
  expect(() => pairing.find(first.code)).toThrow(invalid)
  expect(pairing.find(second.code)).toMatchObject(place)
  expect(() => pairing.find(other.code)).not.toThrow()
  expect(pairing.liveUntil(place.installationId)).toBe(second.expiresAt)
})

test('codes are stored as hashes', () => {
  const { pairing, place, userId, database } = setUp()
  const { code } = pairing.issue({ ...place, userId })
  const stored = JSON.stringify(database.prepare('select * from pairing_code').all())
  expect(stored).not.toContain(code)
  expect(stored).not.toContain(code.replace('-', ''))
})

test('a proof is used once, and forgotten when it would be refused anyway', () => {
  const { pairing, clock, database } = setUp()
  expect(pairing.useProof('one', clock.now + 10)).toBe(true)
  expect(pairing.useProof('one', clock.now + 10)).toBe(false)
  clock.now += 10
  pairing.useProof('two', clock.now + 10)
  expect(database.prepare('select * from used_proof').all()).toHaveLength(1)
})

test('whose tokens are refused is known with the time, of the revoked and of the renewed, as far back as is asked', () => {
  const { clock, pairing, place, keys, userId } = setUp()
  const [first, second, third] = ['first', 'second', 'third'].map(() => {
    const agent = keys()
    pairing.take(pairing.issue({ ...place, userId }).code, agent)
    return agent.agentId
  }) as [string, string, string]
  pairing.revoke(first)
  clock.now += 1_000
  pairing.revoke(second)
  clock.now += 1_000
  pairing.refuseOldTokens(third)
  const { tenantId } = place
  expect(pairing.refusedSince(1_000_000)).toEqual([
    { tenantId, agentId: second, at: 1_001_000 },
    { tenantId, agentId: third, at: 1_002_000 },
  ])
  expect(pairing.keysOf(first)?.isRevoked).toBe(true)
})

test('what a revoked agent signs is nobody’s', () => {
  const { pairing, place, keys, userId } = setUp()
  const key = Buffer.alloc(32, 7)
  const agent = { ...keys(), publicKey: { kty: 'OKP', x: key.toString('base64url') } }
  pairing.take(pairing.issue({ ...place, userId }).code, agent)
  expect(pairing.signingKeyOf(agent.agentId)).toEqual(new Uint8Array(key))
  pairing.revoke(agent.agentId)
  expect(pairing.signingKeyOf(agent.agentId)).toBeUndefined()
})
