/**
 * Signed notes (c2sp.org/signed-note): a text and signatures, each by a named Ed25519 key. The name says what a key may sign,
 * and is part of the key's id: a signature for one name is none for another.
 */
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

/** A public key and the one name it signs as. */
export type NoteKey = { readonly name: string; readonly id: Buffer; readonly publicKey: KeyObject }

const maxSignatures = 16
const ed25519 = Buffer.from([1])
const idBytes = 4
const keyBytes = 32
const signatureLine = /^— (\S+) ([A-Za-z0-9+/]+=*)$/
const controlCharacter = /[^\P{Cc}\n]/u

/** @param publicKey 32 bytes of Ed25519 */
export function noteKey(name: string, publicKey: Buffer): NoteKey {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }
  const named = Buffer.concat([Buffer.from(`${name}\n`), ed25519, publicKey])
  const id = hash('sha256', named, 'buffer').subarray(0, idBytes)
  return { name, id, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) }
}

/** The 32 bytes of an Ed25519 key, also of a private one its public half. */
export function publicBytes(key: KeyObject): Buffer {
  return Buffer.from(String(key.export({ format: 'jwk' }).x), 'base64url')
}

/** `name+id+key` as Go's sumdb/note writes it. */
export function noteKeyText({ name, id, publicKey }: NoteKey): string {
  const bytes = Buffer.concat([ed25519, publicBytes(publicKey)])
  return `${name}+${id.toString('hex')}+${bytes.toString('base64')}`
}

/** Undefined for a text that is no Ed25519 key, or whose id is not that of the key. */
export function parseNoteKey(text: string): NoteKey | undefined {
  const [, name, id, base64 = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  const bytes = Buffer.from(base64, 'base64')
  if (name === undefined || bytes.length !== 1 + keyBytes || bytes[0] !== ed25519[0])
    return undefined
  const key = noteKey(name, bytes.subarray(1))
  return key.id.toString('hex') === id ? key : undefined
}

/** @param text ends with a line end and has no control characters */
export function signNote(name: string, text: string, privateKeys: readonly KeyObject[]): string {
  const lines = privateKeys.map((privateKey) => {
    const { id } = noteKey(name, publicBytes(privateKey))
    const signed = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)])
    return `— ${name} ${signed.toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

/**
 * The text, if at least one of these keys has signed it. Signatures of others say nothing; a wrong one of a known key spoils
 * the note.
 */
export function openNote(
  note: string,
  keys: readonly NoteKey[],
): { readonly text: string; readonly by: readonly NoteKey[] } | undefined {
  const end = note.lastIndexOf('\n\n') + 1
  const text = note.slice(0, end)
  const lines = note.slice(end + 1).split('\n')
  if (end === 0 || controlCharacter.test(note) || lines.pop() !== '') return undefined
  if (lines.length > maxSignatures) return undefined
  const by: NoteKey[] = []
  for (const line of lines) {
    const [, name, base64 = ''] = signatureLine.exec(line) ?? []
    if (name === undefined) return undefined
    const signed = Buffer.from(base64, 'base64')
    const id = signed.subarray(0, idBytes)
    const key = keys.find((known) => known.name === name && known.id.equals(id))
    if (!key) continue
    if (!verify(null, Buffer.from(text), key.publicKey, signed.subarray(idBytes))) return undefined
    by.push(key)
  }
  return by.length > 0 ? { text, by } : undefined
}
