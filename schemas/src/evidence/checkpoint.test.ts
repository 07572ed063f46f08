import { expect, test } from 'vitest'
import { checkpointText, openCheckpoint, originOf, parseCheckpoint } from './checkpoint.ts'
import { leafHash } from './merkle.ts'
import { noteKey, signNote } from './note.ts'
import { newSigner } from './signer.fixture.ts'

const signer = newSigner()
const origin = originOf('node', 'tenant')
const checkpoint = { origin, size: 20852163, root: leafHash('') }
const text = checkpointText(checkpoint)
const keyOf = (name: string) => noteKey(name, signer.publicKey)

test('a checkpoint is read back as it was written; further lines are allowed', () => {
  expect(parseCheckpoint(text)).toEqual(checkpoint)
  expect(parseCheckpoint(`${text}more\n`)).toEqual(checkpoint)
  const example =
    'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
  expect(parseCheckpoint(example)?.size).toBe(20852163)
})

test.each([
  ['no origin', text.replace(origin, '')],
  ['a size with a zero before it', text.replace('\n2', '\n02')],
  ['a size below zero', text.replace('\n2', '\n-2')],
  ['a size that a number cannot hold', text.replace('\n2', '\n9999999999')],
  ['a root of another length', text.replace(/\n.+\n$/, '\nAAAA\n')],
  ['a root written in another way', text.replace(/=\n$/, '\n')],
  ['an empty line after it', `${text}\n`],
  ['no line end', text.slice(0, -1)],
])('a text with %s is no checkpoint', (_what, wrong) => {
  expect(parseCheckpoint(wrong)).toBeUndefined()
})

test('a checkpoint counts only when signed in the name of its own origin: not for another tenant, not as a manifest', () => {
  const note = signNote(origin, text, [signer])
  expect(openCheckpoint(note, [keyOf(origin)])).toEqual(checkpoint)
  for (const name of [originOf('node', 'other'), `${origin}/manifest`]) {
    const keys = [keyOf(origin), keyOf(name)]
    expect(openCheckpoint(signNote(name, text, [signer]), keys)).toBeUndefined()
  }
})
