import { expect, test } from 'vitest'
import type { EventProof } from '../api/audit.ts'
import { toHex } from './bytes.ts'
import { originOf, parseCheckpoint } from './checkpoint.ts'
import { checkEvent } from './event-check.ts'
import { logIndex, proofIn, size } from './event-proof.fixture.ts'
import { leafHash } from './merkle.ts'
import { noteKey, noteKeyText, noteText } from './note.ts'
import { newSigner } from './signer.fixture.ts'

const origin = originOf('node', 'tenant')
const texts = Array.from({ length: size }, (_, n) => `{"id":"${n}"}`)
const signer = newSigner()
const found = proofIn(texts, origin, signer)
const noteOf = (of: string) => proofIn(texts, of, signer).proof?.note ?? ''
const leaf = leafHash(found.text ?? '')
const { proof = { path: [], note: '', at: '' } } = found
const { path } = proof
const standingOf = (change: Partial<EventProof>, less: ReadonlyArray<keyof EventProof> = []) => {
  const asked = { ...found, ...change }
  for (const name of less) delete asked[name]
  return checkEvent(asked, null).standing
}
/** The first letter is of whole bytes: another one is another byte. */
const changed = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)

test('an event whose hash leads to what is signed is proven, and so is what is left of one that has expired', () => {
  expect(checkEvent(found, null)).toEqual({
    ...{ standing: 'proven', hash: toHex(leaf), isOther: false },
    tree: parseCheckpoint(noteText(proof.note)),
  })
  expect(standingOf({}, ['text'])).toBe('expired')
})

test('an event that nothing signed covers yet is not proven, and one that was taken out is missing', () => {
  expect(standingOf({}, ['proof'])).toBe('unsigned')
  expect(standingOf({}, ['text', 'leaf'])).toBe('missing')
})

test('a byte that was changed is told: in the text, its hash, the proof, the tree, the signature, the key', () => {
  const { note } = proof
  const [, root = ''] = /\n([^\n]+)\n\n/.exec(note) ?? []
  const [, signed = ''] = /— \S+ (\S+)\n$/.exec(note) ?? []
  const other = noteKeyText(noteKey(origin, newSigner().publicKey))
  for (const text of [`${found.text} `, changed(found.text ?? ''), ''])
    expect(standingOf({ text })).toBe('altered')
  expect(standingOf({ leaf: changed(found.leaf ?? '') })).toBe('altered')
  expect(standingOf({ leaf: changed(found.leaf ?? '') }, ['text'])).toBe('unproven')
  for (const wrong of [
    ...path.map((_, n) => ({ path: path.with(n, changed(path[n] ?? '')) })),
    ...[{ path: [] }, { path: path.slice(1) }, { path: [...path, ...path] }],
    { note: note.replace(root, changed(root)) },
    { note: note.replace(signed, signed.slice(0, -4) + changed(signed.slice(-4))) },
    { note: noteOf(originOf('node', 'other')) },
    { note: '' },
  ])
    expect([wrong, standingOf({ proof: { ...proof, ...wrong } })]).toEqual([wrong, 'unproven'])
  for (const keys of [[other], ['x'], []]) expect(standingOf({ keys })).toBe('unproven')
})

test('an event in another place, or of another log, is not proven by this proof', () => {
  for (const place of [logIndex - 1, logIndex + 1, size, -1])
    expect(standingOf({ logIndex: place })).toBe('unproven')
  const elsewhere = originOf('node', 'other')
  const note = noteOf(elsewhere)
  const keys = [...found.keys, noteKeyText(noteKey(elsewhere, signer.publicKey))]
  expect(standingOf({ keys, proof: { ...proof, note } })).toBe('unproven')
})

test('cited by another hash it is another event, whatever proves it', () => {
  const hash = toHex(leaf)
  const isOther = (cited: string | null) => checkEvent(found, cited).isOther
  for (const cited of [null, hash, hash.toUpperCase(), ` ${hash} `])
    expect(isOther(cited)).toBe(false)
  for (const cited of ['', 'x', hash.slice(1), toHex(leafHash('x'))])
    expect(isOther(cited)).toBe(true)
  const { leaf: _gone, ...missing } = found
  expect(checkEvent(missing, hash)).toMatchObject({ standing: 'missing', isOther: false })
})
