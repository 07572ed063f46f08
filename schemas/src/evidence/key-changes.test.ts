import { expect, test } from 'vitest'
import { firstKeys, followKeys, keyListText, keysName } from './key-changes.ts'
import { type Signer, signNote } from './note.ts'
import { newSigner } from './signer.fixture.ts'

const name = keysName('travessia/node/tenant')
const [one, two, thief] = [newSigner(), newSigner(), newSigner()]
const change = (keys: Signer[], by: Signer[]) =>
  signNote(name, keyListText(keys.map(({ publicKey }) => publicKey)), by)
const publicKeys = (...signers: Signer[]) => signers.map(({ publicKey }) => publicKey)

const first = change([one], [one])
const added = change([one, two], [one, two])
const retired = change([two], [two, one])
const changes = [first, added, retired]

test('who knows the first key follows the changes to the one of today, and still knows the retired one', () => {
  const { known, current } = followKeys(name, changes, publicKeys(one))
  expect(current).toEqual(publicKeys(two))
  expect(known).toEqual(expect.arrayContaining(publicKeys(one, two)))
})

test('who knows only the newer key learns the older one from the change that both have signed', () => {
  expect(followKeys(name, changes, publicKeys(two))).toMatchObject({
    known: expect.arrayContaining(publicKeys(one)),
    current: publicKeys(two),
  })
})

test('without a change, and for who knows none of its keys, what is known stays as it is', () => {
  expect(followKeys(name, [], publicKeys(one)).current).toEqual(publicKeys(one))
  expect(followKeys(name, changes, publicKeys(thief))).toEqual({
    known: publicKeys(thief),
    current: publicKeys(thief),
  })
})

test.each([
  ['by a key of its own', change([thief], [thief])],
  ['by a key that was retired', change([one, thief], [one, thief])],
  ['under another name', signNote('other/keys', keyListText(publicKeys(two)), [two])],
  ['that lists no key', signNote(name, 'travessia keys 1\n', [two])],
  ['that is no list of keys', signNote(name, 'travessia manifest 1\n', [two])],
])('a change %s leads nowhere: no key is current after it', (_what, wrong) => {
  expect(followKeys(name, [...changes, wrong], publicKeys(one)).current).toEqual([])
})

test('who knows no key takes those that the last change lists, if they have signed it themselves', () => {
  expect(firstKeys(name, changes)).toEqual(publicKeys(two))
  expect(firstKeys(name, [])).toEqual([])
  expect(firstKeys(name, [change([one], [two])])).toEqual([])
})
