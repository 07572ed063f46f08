import { createHash } from 'node:crypto'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { expect, test } from 'vitest'
import { statedPolicy } from './site-policy.ts'

const policy: SitePolicy = { commands: ['OpenGate'], methods: ['GET'] }
const digest = `sha256:${createHash('sha256').update(canonicalJson(policy)).digest('hex')}`

async function agent() {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const sign = (claim: unknown, typ: string = tokenKinds.policy.typ) =>
    new CompactSign(new TextEncoder().encode(JSON.stringify(claim)))
      .setProtectedHeader({ alg: 'EdDSA', typ })
      .sign(privateKey)
  return { publicKey: await exportJWK(publicKey), sign }
}
const refused = expect.objectContaining({
  code: 'MESSAGE_INVALID',
  details: { at: '/policyProof' },
})

test('an agent that states nothing has no policy', async () => {
  const { publicKey } = await agent()
  expect(await statedPolicy({ publicKey })).toBeUndefined()
})

test('a stated policy is taken with its digest and the agent’s signature', async () => {
  const { publicKey, sign } = await agent()
  const proof = await sign({ digest })
  const stated = await statedPolicy({ publicKey, policy, policyProof: proof })
  expect(stated).toEqual({ policy, digest, proof })
})

test('one without a signature, of another key or kind, or of another policy is refused', async () => {
  const [own, other] = [await agent(), await agent()]
  const { publicKey, sign } = own
  const wrong = [
    { policy },
    { policyProof: await sign({ digest }) },
    { policy, policyProof: 'x' },
    { policy, policyProof: await other.sign({ digest }) },
    { policy, policyProof: await sign({ digest }, tokenKinds.proof.typ) },
    { policy, policyProof: await sign({ digest, more: 1 }) },
    { policy: { ...policy, methods: undefined }, policyProof: await sign({ digest }) },
    { policy: { ...policy, commands: [] }, policyProof: await sign({ digest }) },
  ]
  for (const stated of wrong)
    await expect(statedPolicy({ publicKey, ...stated } as never)).rejects.toEqual(refused)
})
