/**
 * SHA-256 and Ed25519: Node's own where this is Node, else in JavaScript, since a page that was opened from a file or over plain
 * HTTP may be offered nothing.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 as portableHasher } from '@noble/hashes/sha2.js'
import { concat } from './bytes.ts'

type Hasher = { update(bytes: Uint8Array): Hasher; digest(): Uint8Array }
/** What evidence needs of where it runs. */
type EvidenceCrypto = {
  sha256(bytes: Uint8Array): Uint8Array
  hasher(): Hasher
  /** @param publicKey 32 bytes */
  isSigned(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean
}

type NodeCrypto = {
  hash(algorithm: 'sha256', bytes: Uint8Array, form: 'buffer'): Uint8Array
  createHash(algorithm: 'sha256'): Hasher
  createPublicKey(key: { key: Uint8Array; format: 'der'; type: 'spki' }): object
  verify(algorithm: null, message: Uint8Array, key: object, signature: Uint8Array): boolean
}
type Node = { process?: { getBuiltinModule?: (name: string) => NodeCrypto | undefined } }

/** What stands before the 32 bytes of an Ed25519 key in SPKI (RFC 8410). */
const spki = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0)

export const portable: EvidenceCrypto = {
  sha256: (bytes) => portableHasher(bytes),
  hasher: () => portableHasher.create(),
  isSigned(message, signature, publicKey) {
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false })
    } catch {
      return false
    }
  },
}

function nodeCrypto(node: NodeCrypto): EvidenceCrypto {
  return {
    // Not the Buffer that it gives: bytes are the same kind everywhere.
    sha256: (bytes) => new Uint8Array(node.hash('sha256', bytes, 'buffer')),
    hasher: () => node.createHash('sha256'),
    isSigned(message, signature, publicKey) {
      try {
        const der = concat(spki, publicKey)
        const key = node.createPublicKey({ key: der, format: 'der', type: 'spki' })
        return node.verify(null, message, key, signature)
      } catch {
        return false
      }
    },
  }
}

const node = (globalThis as Node).process?.getBuiltinModule?.('node:crypto')
export const { sha256, hasher, isSigned } = node ? nodeCrypto(node) : portable
