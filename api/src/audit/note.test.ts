import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { noteKey, noteKeyText, openNote, parseNoteKey, publicBytes, signNote } from './note.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const other = generateKeyPairSync('ed25519').privateKey
const name = 'travessia/one'
const key = noteKey(name, publicBytes(privateKey))
const text = 'first line\nsecond line\n'
const note = signNote(name, text, [privateKey])

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
  const keys = [key, noteKey(name, publicBytes(other))]
  const opened = openNote(signNote(name, poem, [privateKey, other]), keys)
  expect(opened).toEqual({ text: poem, by: keys })
})

test('signatures of unknown keys, and of a known key under another name, say nothing', () => {
  expect(openNote(note, [noteKey(name, publicBytes(other))])).toBeUndefined()
  expect(openNote(note, [noteKey('travessia/two', publicBytes(privateKey))])).toBeUndefined()
  expect(openNote(signNote(name, text, [other, privateKey]), [key])?.by).toEqual([key])
})

test('a wrong signature of a known key spoils the note, beside a right one too', () => {
  const [wrong = ''] = signNote(name, 'another text\n', [privateKey]).split('\n').slice(-2)
  expect(openNote(`${note}${wrong}\n`, [key])).toBeUndefined()
})

test.each([
  ['a changed text', note.replace('first', 'other')],
  ['the id of a known key under another name', note.replace(`— ${name}`, '— other')],
  ['no signature', `${text}\n`],
  ['no empty line', note.replace('\n\n', '\n')],
  ['no last line end', note.slice(0, -1)],
  ['a line that is no signature', `${note}x\n`],
  ['a control character', signNote(name, 'a\rb\n', [privateKey])],
  ['seventeen signatures', signNote(name, text, Array(17).fill(privateKey))],
])('a note with %s does not open', (_what, broken) => {
  expect(openNote(note, [key])?.text).toBe(text)
  expect(openNote(broken, [key])).toBeUndefined()
})

test.each(['', 'x', goKey.replace('c74f', 'c74e'), goKey.replace('ARpc', 'Arpc'), ` ${goKey}`])(
  'a key written %j is none',
  (written) => {
    expect(parseNoteKey(written)).toBeUndefined()
  },
)
