/**
 * Ed25519 keys that sign checkpoints and manifests, and nothing else (THREATS I3): each signature is in the name of one
 * tenant's log. A new key signs beside the older ones, so who has pinned one of these still can check.
 */
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { systemTenantId } from '@travessia/schemas/ids'
import { type NoteKey, noteKey, publicBytes, signNote } from '../audit/note.ts'
import type { Vault } from './vault.ts'

const vaultId = 'evidence-keys'

export class EvidenceKeys {
  readonly #vault: Vault
  /** Oldest first. */
  #keys: readonly KeyObject[]

  /** Killed between making and keeping the first key: nothing was signed yet, the next start makes another. */
  constructor(vault: Vault) {
    this.#vault = vault
    const known = vault.get(systemTenantId, vaultId)
    this.#keys = known === undefined ? [] : (JSON.parse(known) as JsonWebKey[]).map(toKey)
    if (known === undefined) this.add()
  }

  add(): void {
    const { privateKey } = generateKeyPairSync('ed25519')
    const keys = [...this.#keys, privateKey]
    const jwks = keys.map((key) => key.export({ format: 'jwk' }))
    this.#vault.put(systemTenantId, vaultId, JSON.stringify(jwks))
    this.#keys = keys
  }

  /** A signed note in this name. */
  sign(name: string, text: string): string {
    return signNote(name, text, this.#keys)
  }

  /** What checks notes in this name. */
  keysOf(name: string): NoteKey[] {
    return this.publicKeys().map((bytes) => noteKey(name, bytes))
  }

  publicKeys(): Buffer[] {
    return this.#keys.map(publicBytes)
  }
}

function toKey(key: JsonWebKey): KeyObject {
  return createPrivateKey({ key, format: 'jwk' })
}
