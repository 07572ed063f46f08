/**
 * Ed25519 keys that sign checkpoints and manifests, and nothing else: each signature is in the name of one
 * tenant's log. A new key signs beside the older ones, so who has pinned one of these still can check.
 */
import {
  createPrivateKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { TravessiaError } from '@travessia/schemas/errors'
import { isSame, toBase64 } from '@travessia/schemas/evidence/bytes'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import {
  firstKeys,
  followKeys,
  keyListText,
  keysName,
  maxKeyChanges,
} from '@travessia/schemas/evidence/key-changes'
import { type NoteKey, noteKey, type Signer, signNote } from '@travessia/schemas/evidence/note'
import { systemTenantId } from '@travessia/schemas/ids'
import type { Vault } from './vault.ts'

const vaultId = 'evidence-keys'
/** Every note carries a signature of each. */
const maxKeys = 4

type Kept = { readonly keys: readonly JsonWebKey[]; readonly changes: readonly string[] }

export class EvidenceKeys {
  readonly #vault: Vault
  readonly #name: string
  /** Oldest first. */
  #keys: readonly KeyObject[] = []
  #signers: readonly Signer[] = []
  #changes: readonly string[] = []
  /** Of what is kept, as far as it was read: `rotate-key` may have changed it beside us. */
  #version = 0

  /** Killed between making and keeping the first key: nothing was signed yet, the next start makes another. */
  constructor(vault: Vault, nodeId: string) {
    this.#vault = vault
    this.#name = keysName(originOf(nodeId, systemTenantId))
    this.#read()
    if (this.#changes.length > 0) return
    if (this.#keys.length > 0) this.#change(this.#keys, this.#keys)
    else this.add()
  }

  /** It signs beside the others from now on. @throws TravessiaError CONFIG_INVALID: there are too many */
  add(): void {
    this.#read()
    if (this.#keys.length >= maxKeys) throw refusal(`no more than ${maxKeys} keys sign at a time`)
    const keys = [...this.#keys, generateKeyPairSync('ed25519').privateKey]
    this.#change(keys, keys)
  }

  /** It signs that it signs no more, and is gone. @throws TravessiaError CONFIG_INVALID: it is none, or the only one */
  retire(publicKey: Uint8Array): void {
    this.#read()
    const stay = this.#keys.filter((key) => !isSame(signerOf(key).publicKey, publicKey))
    if (stay.length === this.#keys.length) throw refusal('this key does not sign')
    if (stay.length === 0) throw refusal('the only key cannot be retired: add another one first')
    this.#change(stay, this.#keys)
  }

  /** A signed note in this name. */
  sign(name: string, text: string): string {
    this.#read()
    return signNote(name, text, this.#signers)
  }

  /** What checks notes in this name. */
  keysOf(name: string): NoteKey[] {
    return this.publicKeys().map((bytes) => noteKey(name, bytes))
  }

  publicKeys(): Uint8Array[] {
    this.#read()
    return this.#signers.map(({ publicKey }) => publicKey)
  }

  /** Signed once, and do no more. */
  retiredKeys(): Uint8Array[] {
    const current = this.publicKeys()
    const first = firstKeys(this.#name, this.#changes.slice(0, 1))
    const { known } = followKeys(this.#name, this.#changes, first)
    const unique = new Map(known.map((key) => [toBase64(key), key]))
    return [...unique.values()].filter((key) => !current.some((one) => isSame(one, key)))
  }

  /** How they came to be the ones of today, oldest first (`followKeys`). */
  changes(): readonly string[] {
    this.#read()
    return this.#changes
  }

  /** Grows with each change. */
  version(): number {
    return this.#vault.versionOf(systemTenantId, vaultId)
  }

  /** Signed by who signed before and who signs from now on; kept before it is used. */
  #change(keys: readonly KeyObject[], by: readonly KeyObject[]): void {
    if (this.#changes.length >= maxKeyChanges)
      throw refusal(`keys may change ${maxKeyChanges} times`)
    const text = keyListText(keys.map((key) => signerOf(key).publicKey))
    const changes = [...this.#changes, signNote(this.#name, text, by.map(signerOf))]
    const kept: Kept = { keys: keys.map((key) => key.export({ format: 'jwk' })), changes }
    this.#vault.put(systemTenantId, vaultId, JSON.stringify(kept))
    this.#read()
  }

  #read(): void {
    const version = this.version()
    if (version === this.#version) return
    const kept = JSON.parse(this.#vault.get(systemTenantId, vaultId) ?? '[]') as Kept | JsonWebKey[]
    // Before there were changes of keys it was the list of them.
    const { keys, changes } = Array.isArray(kept) ? { keys: kept, changes: [] } : kept
    this.#keys = keys.map(toKey)
    this.#signers = this.#keys.map(signerOf)
    this.#changes = changes
    this.#version = version
  }
}

function refusal(problem: string): TravessiaError {
  return new TravessiaError('CONFIG_INVALID', { problems: [problem] })
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
