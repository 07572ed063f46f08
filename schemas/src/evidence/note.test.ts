import { expect, test } from 'vitest'
import { concat, fromBase64, toBase64, utf8 } from './bytes.ts'
import {
  cosign,
  noteKey,
  noteKeyText,
  openNote,
  parseNoteKey,
  signNote,
  witnessKey,
} from './note.ts'
import { newSigner } from './signer.fixture.ts'

const signer = newSigner()
const other = newSigner()
const name = 'travessia/one'
const key = noteKey(name, signer.publicKey)
const text = 'first line\nsecond line\n'
const note = signNote(name, text, [signer])

/** The example of golang.org/x/mod/sumdb/note. */
const goKey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const goText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const goNote = `${goText}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`

test('a note of another implementation opens, and its key is written as there', () => {
  const parsed = parseNoteKey(goKey)
  expect(parsed && noteKeyText(parsed)).toBe(goKey)
  expect(openNote(goNote, parsed ? [parsed] : [])?.text).toBe(goText)
})

test('a note says by whom it is signed, and keeps empty lines of its text', () => {
  const poem = 'a\n\nb\n'
  const keys = [key, noteKey(name, other.publicKey)]
  const opened = openNote(signNote(name, poem, [signer, other]), keys)
  expect(opened).toEqual({ text: poem, by: keys })
})

test('signatures of unknown keys, and of a known key under another name, say nothing', () => {
  expect(openNote(note, [noteKey(name, other.publicKey)])).toBeUndefined()
  expect(openNote(note, [noteKey('travessia/two', signer.publicKey)])).toBeUndefined()
  expect(openNote(signNote(name, text, [other, signer]), [key])?.by).toEqual([key])
})

test('a wrong signature of a known key spoils the note, beside a right one too', () => {
  const [wrong = ''] = signNote(name, 'another text\n', [signer]).split('\n').slice(-2)
  expect(openNote(`${note}${wrong}\n`, [key])).toBeUndefined()
})

test.each([
  ['a changed text', note.replace('first', 'other')],
  ['the id of a known key under another name', note.replace(`— ${name}`, '— other')],
  ['no signature', `${text}\n`],
  ['no empty line', note.replace('\n\n', '\n')],
  ['no last line end', note.slice(0, -1)],
  ['a line that is no signature', `${note}x\n`],
  ['a control character', signNote(name, 'a\rb\n', [signer])],
  ['seventeen signatures', signNote(name, text, Array(17).fill(signer))],
])('a note with %s does not open', (_what, broken) => {
  expect(openNote(note, [key])?.text).toBe(text)
  expect(openNote(broken, [key])).toBeUndefined()
})

const ofShortKey = noteKeyText(noteKey(name, signer.publicKey.slice(0, 31)))

test.each([
  '',
  'x',
  ofShortKey,
  goKey.replace('c74f', 'c74e'),
  goKey.replace('ARpc', 'Arpc'),
  ` ${goKey}`,
])('a key written %j is none', (written) => {
  expect(parseNoteKey(written)).toBeUndefined()
})

const witness = newSigner()
const witnessed = witnessKey('travessia/agent/w', witness.publicKey)
const at = 1_679_315_147_900
const line = cosign(note, { name: witnessed.name, signer: witness, at })

test('a witness signs header, time and text, and says the time beside its key id (c2sp.org/tlog-cosignature)', () => {
  const signed = fromBase64(line.split(' ')[2]?.trim() ?? '')
  expect([...signed.subarray(4, 12)]).toEqual([0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb])
  const message = utf8(`cosignature/v1\ntime 1679315147\n${text}`)
  expect(signed.subarray(12)).toEqual(Uint8Array.from(witness.sign(message)))
  expect(openNote(`${note}${line}`, [key, witnessed])).toEqual({ text, by: [key, witnessed] })
})

test.each([
  ['the time', 11],
  ['the signature', 40],
])('with a byte of %s changed a witness has signed nothing', (_what, place) => {
  const signed = fromBase64(line.split(' ')[2]?.trim() ?? '')
  signed[place] = (signed[place] ?? 0) ^ 1
  const changed = `— ${witnessed.name} ${toBase64(signed)}\n`
  expect(openNote(`${note}${changed}`, [witnessed])).toBeUndefined()
})

test('a signature as a log is none as a witness, and the other way round', () => {
  const asLog = noteKey(witnessed.name, witness.publicKey)
  expect(openNote(`${note}${line}`, [asLog])).toBeUndefined()
  const own = signNote(witnessed.name, text, [witness])
  expect(openNote(own, [witnessed])).toBeUndefined()
  const short = `— ${witnessed.name} ${toBase64(concat(witnessed.id, Uint8Array.of(1)))}\n`
  expect(openNote(`${note}${short}`, [witnessed])).toBeUndefined()
  expect(parseNoteKey(noteKeyText(witnessed))).toEqual(witnessed)
})
