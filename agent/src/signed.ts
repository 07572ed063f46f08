/** Opens what the server has signed: Ed25519 only, the kind's own `typ`, the keys pinned at pairing. */
import { TravessiaError } from '@travessia/schemas/errors'
import { compactVerify, importJWK, type JWK } from 'jose'

/** @returns the payload as JSON, not yet checked. @throws TravessiaError COMMAND_SIGNATURE_INVALID */
export async function openSigned(
  jws: string,
  kind: { readonly typ: string; readonly alg: string },
  keys: readonly JWK[],
): Promise<unknown> {
  try {
    const { payload, protectedHeader } = await compactVerify(
      jws,
      async ({ kid }) => {
        const key = keys.find((one) => one.kid === kid)
        if (!key) throw new TravessiaError('COMMAND_SIGNATURE_INVALID', { problem: 'key' })
        return importJWK(key, kind.alg)
      },
      { algorithms: [kind.alg] },
    )
    if (protectedHeader.typ !== kind.typ)
      throw new TravessiaError('COMMAND_SIGNATURE_INVALID', { problem: 'typ' })
    return JSON.parse(new TextDecoder().decode(payload))
  } catch (cause) {
    throw new TravessiaError('COMMAND_SIGNATURE_INVALID', {}, { cause })
  }
}
