/** For tests: a new Ed25519 key that signs. */
import { ed25519 } from '@noble/curves/ed25519.js'
import type { Signer } from './note.ts'

export function newSigner(): Signer {
  const { secretKey, publicKey } = ed25519.keygen()
  return { publicKey, sign: (message) => ed25519.sign(message, secretKey) }
}
