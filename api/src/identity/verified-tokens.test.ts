import type { AgentClaims } from '@travessia/schemas/token-claims'
import { expect, test } from 'vitest'
import { VerifiedTokens } from './verified-tokens.ts'

function counted() {
  const checked: string[] = []
  const verified = new VerifiedTokens(async (token) => {
    checked.push(token)
    if (token === 'forged') throw new Error('forged')
    return { sub: token } as AgentClaims
  })
  return { checked, verified }
}

test('a token is checked once for both connections and every later dial', async () => {
  const { checked, verified } = counted()
  const [control, data] = await Promise.all([verified.claimsOf('a'), verified.claimsOf('a')])
  expect([control.sub, data.sub, (await verified.claimsOf('a')).sub]).toEqual(['a', 'a', 'a'])
  expect((await verified.claimsOf('b')).sub).toBe('b')
  expect(checked).toEqual(['a', 'b'])
})

test('a token that was refused is refused anew, and is not remembered', async () => {
  const { checked, verified } = counted()
  for (let n = 0; n < 3; n += 1) await expect(verified.claimsOf('forged')).rejects.toThrow('forged')
  expect(checked).toEqual(['forged', 'forged', 'forged'])
})

test('no more than 8,192 tokens are remembered: the oldest is checked again', async () => {
  const { checked, verified } = counted()
  for (let n = 0; n <= 8_192; n += 1) await verified.claimsOf(String(n))
  await verified.claimsOf('8192')
  await verified.claimsOf('1')
  expect(checked).toHaveLength(8_193)
  await verified.claimsOf('0')
  expect(checked).toHaveLength(8_194)
})
