/**
 * Signed notes (c2sp.org/signed-note): a text and signatures, each by a named Ed25519 key. The name says what a key may sign,
 * and is part of the key's id: a signature for one name is none for another. A witness signs the same text with the time at
 * which it did (c2sp.org/tlog-cosignature).
 */
import { concat, fromBase64, isSame, toBase64, toHex, utf8 } from './bytes.ts'
import { isSigned, sha256 } from './crypto.ts'

/** A public key of 32 bytes and the one name it signs as. */
export type NoteKey = {
  readonly name: string
  readonly id: Uint8Array
  readonly publicKey: Uint8Array
  readonly isWitness: boolean
}
/** Signs with an Ed25519 key, wherever that is kept. */
export type Signer = {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

const maxSignatures = 16
const [ed25519, cosignature] = [1, 4]
const idBytes = 4
const keyBytes = 32
const timeBytes = 8
const signatureLine = /^— (\S+) ([A-Za-z0-9+/]+=*)$/
const controlCharacter = /[^\P{Cc}\n]/u

export function noteKey(name: string, publicKey: Uint8Array): NoteKey {
  return { name, id: idOf(name, ed25519, publicKey), publicKey, isWitness: false }
}

export function witnessKey(name: string, publicKey: Uint8Array): NoteKey {
  return { name, id: idOf(name, cosignature, publicKey), publicKey, isWitness: true }
}

function idOf(name: string, algorithm: number, publicKey: Uint8Array): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(algorithm), publicKey)).slice(0, idBytes)
}

/** `name+id+key` as Go's sumdb/note writes it. */
export function noteKeyText({ name, id, publicKey, isWitness }: NoteKey): string {
  const bytes = concat(Uint8Array.of(isWitness ? cosignature : ed25519), publicKey)
  return `${name}+${toHex(id)}+${toBase64(bytes)}`
}

/** Undefined for a text that is no Ed25519 key, or whose id is not that of the key. */
export function parseNoteKey(text: string): NoteKey | undefined {
  const [, name, id, base64 = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  const bytes = fromBase64(base64)
  const isWitness = bytes[0] === cosignature
  if (name === undefined || bytes.length !== 1 + keyBytes) return undefined
  if (!isWitness && bytes[0] !== ed25519) return undefined
  const key = (isWitness ? witnessKey : noteKey)(name, bytes.slice(1))
  return toHex(key.id) === id ? key : undefined
}

/** @param text ends with a line end and has no control characters */
export function signNote(name: string, text: string, signers: readonly Signer[]): string {
  const lines = signers.map((signer) => {
    const { id } = noteKey(name, signer.publicKey)
    return lineOf(name, concat(id, signer.sign(utf8(text))))
  })
  return `${text}\n${lines.join('')}`
}

/** The line that a witness adds to a note. @param at ms since 1970 */
export function cosign(
  note: string,
  { name, signer, at }: { name: string; signer: Signer; at: number },
): string {
  const time = new Uint8Array(timeBytes)
  const seconds = Math.floor(at / 1000)
  new DataView(time.buffer).setBigUint64(0, BigInt(seconds))
  const { id } = witnessKey(name, signer.publicKey)
  return lineOf(name, concat(id, time, signer.sign(cosigned(noteText(note), seconds))))
}

function cosigned(text: string, seconds: number | bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`)
}

function lineOf(name: string, signed: Uint8Array): string {
  return `— ${name} ${toBase64(signed)}\n`
}

/** What is signed. */
export function noteText(note: string): string {
  return note.slice(0, note.lastIndexOf('\n\n') + 1)
}

/**
 * The text, if at least one of these keys has signed it. Signatures of others say nothing; a wrong one of a known key spoils
 * the note.
 */
export function openNote(
  note: string,
  keys: readonly NoteKey[],
): { readonly text: string; readonly by: readonly NoteKey[] } | undefined {
  const text = noteText(note)
  const lines = note.slice(text.length + 1).split('\n')
  if (text === '' || controlCharacter.test(note) || lines.pop() !== '') return undefined
  if (lines.length > maxSignatures) return undefined
  const by: NoteKey[] = []
  for (const line of lines) {
    const [, name, base64 = ''] = signatureLine.exec(line) ?? []
    if (name === undefined) return undefined
    const signed = fromBase64(base64)
    const id = signed.subarray(0, idBytes)
    const key = keys.find((known) => known.name === name && isSame(known.id, id))
    if (!key) continue
    if (!isRight(key, text, signed.subarray(idBytes))) return undefined
    by.push(key)
  }
  return by.length > 0 ? { text, by } : undefined
}

function isRight({ publicKey, isWitness }: NoteKey, text: string, signature: Uint8Array): boolean {
  if (!isWitness) return isSigned(utf8(text), signature, publicKey)
  if (signature.length < timeBytes) return false
  const { buffer, byteOffset } = signature
  const seconds = new DataView(buffer, byteOffset, timeBytes).getBigUint64(0)
  return isSigned(cosigned(text, seconds), signature.subarray(timeBytes), publicKey)
}
