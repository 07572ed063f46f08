/**
 * Ed25519 keys that sign checkpoints and manifests, and nothing else (THREATS I3): each signature is in the name of one
 * tenant's log. A new key signs beside the older ones, so who has pinned one of these still can check.
 */
import {
  createPrivateKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { keyListText, keysName } from '@travessia/schemas/evidence/key-changes'
import { type NoteKey, noteKey, type Signer, signNote } from '@travessia/schemas/evidence/note'
import { systemTenantId } from '@travessia/schemas/ids'
import type { Vault } from './vault.ts'

const vaultId = 'evidence-keys'

type Kept = { readonly keys: readonly JsonWebKey[]; readonly changes: readonly string[] }

export class EvidenceKeys {
  readonly #vault: Vault
  readonly #name: string
  /** Oldest first. */
  #signers: readonly Signer[] = []
  #keys: readonly KeyObject[] = []
  #changes: readonly string[] = []

  /** Killed between making and keeping the first key: nothing was signed yet, the next start makes another. */
  constructor(vault: Vault, nodeId: string) {
    this.#vault = vault
    this.#name = keysName(originOf(nodeId, systemTenantId))
    const known = vault.get(systemTenantId, vaultId)
    if (known === undefined) this.add()
    else this.#read(JSON.parse(known) as Kept)
  }

  add(): void {
    const keys = [...this.#keys, generateKeyPairSync('ed25519').privateKey]
    this.#change(keys, keys)
  }

  /** A signed note in this name. */
  sign(name: string, text: string): string {
    return signNote(name, text, this.#signers)
  }

  /** What checks notes in this name. */
  keysOf(name: string): NoteKey[] {
    return this.publicKeys().map((bytes) => noteKey(name, bytes))
  }

  publicKeys(): Uint8Array[] {
    return this.#signers.map(({ publicKey }) => publicKey)
  }

  /** How they came to be the ones of today, oldest first (`followKeys`). */
  changes(): readonly string[] {
    return this.#changes
  }

  /** Signed by who signed before and who signs from now on; kept before it is used. */
  #change(keys: readonly KeyObject[], by: readonly KeyObject[]): void {
    const text = keyListText(keys.map((key) => signerOf(key).publicKey))
    const changes = [...this.#changes, signNote(this.#name, text, by.map(signerOf))]
    const kept = { keys: keys.map((key) => key.export({ format: 'jwk' })), changes }
    this.#vault.put(systemTenantId, vaultId, JSON.stringify(kept))
    this.#use(keys, changes)
  }

  #read({ keys, changes }: Kept): void {
    this.#use(keys.map(toKey), changes)
  }

  #use(keys: readonly KeyObject[], changes: readonly string[]): void {
    this.#keys = keys
    this.#changes = changes
    this.#signers = keys.map(signerOf)
  }
}

function signerOf(key: KeyObject): Signer {
  const publicKey = new Uint8Array(
    Buffer.from(String(key.export({ format: 'jwk' }).x), 'base64url'),
  )
  return { publicKey, sign: (message) => sign(null, message, key) }
}

function toKey(key: JsonWebKey): KeyObject {
  return createPrivateKey({ key, format: 'jwk' })
}
