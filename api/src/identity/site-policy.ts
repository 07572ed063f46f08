/** An agent's statement of what its site allows: recorded as it is, since the cloud can neither grant nor widen it. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Fact } from '@travessia/schemas/events'
import { policyClaimSchema, type SitePolicy } from '@travessia/schemas/site-policy'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { compactVerify, importJWK, type JWK } from 'jose'

const isClaim = compile(policyClaimSchema)

type Stated = {
  readonly publicKey: JWK
  readonly policy?: SitePolicy | undefined
  /** JWS of the agent's key over the policy's digest. */
  readonly policyProof?: string | undefined
}

/** @returns undefined: it stated none. @throws TravessiaError MESSAGE_INVALID: not signed by this agent */
export async function statedPolicy({
  publicKey,
  policy,
  policyProof,
}: Stated): Promise<Fact<'AgentPolicyStated'>['data'] | undefined> {
  if (policy === undefined && policyProof === undefined) return undefined
  if (policy === undefined || policyProof === undefined) throw unproven()
  const digest = `sha256:${createHash('sha256').update(canonicalJson(policy)).digest('hex')}`
  if ((await claimedDigest(publicKey, policyProof)) !== digest) throw unproven()
  return { policy, digest, proof: policyProof }
}

async function claimedDigest(publicKey: JWK, proof: string): Promise<string> {
  const { alg, typ } = tokenKinds.policy
  try {
    const key = await importJWK(publicKey, alg)
    const { payload, protectedHeader } = await compactVerify(proof, key, { algorithms: [alg] })
    if (protectedHeader.typ !== typ) throw unproven()
    return check(isClaim, JSON.parse(new TextDecoder().decode(payload))).digest
  } catch (cause) {
    throw unproven(cause)
  }
}

function unproven(cause?: unknown): TravessiaError {
  return new TravessiaError('MESSAGE_INVALID', { at: '/policyProof' }, { cause })
}
