import { newId } from '@travessia/schemas/ids'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { expect, test } from 'vitest'
import { serverKey } from './fixtures.ts'
import { openSigned } from './signed.ts'

const invalid = expect.objectContaining({ code: 'COMMAND_SIGNATURE_INVALID' })
const open = (jws: string, keys: object[]) => openSigned(jws, tokenKinds.command, keys)

test('what the pinned key signed is opened', async () => {
  const key = await serverKey()
  expect(await open(await key.sign({ a: 1 }), [key.jwk])).toEqual({ a: 1 })
})

test('either of two pinned keys opens, so that keys can change', async () => {
  const [old, fresh] = [await serverKey(), await serverKey()]
  for (const key of [old, fresh])
    expect(await open(await key.sign({ a: 1 }), [old.jwk, fresh.jwk])).toEqual({ a: 1 })
})

test('a key that was not pinned is refused, also under the name of one that was', async () => {
  const [ours, theirs] = [await serverKey(), await serverKey()]
  await expect(open(await theirs.sign({}), [ours.jwk])).rejects.toEqual(invalid)
  const renamed = { ...theirs.jwk, kid: ours.jwk.kid }
  await expect(open(await ours.sign({}), [renamed])).rejects.toEqual(invalid)
})

test('a changed byte anywhere in it is refused', async () => {
  const key = await serverKey()
  const jws = await key.sign({ direction: 'clockwise' })
  for (const at of [5, jws.indexOf('.') + 3, jws.lastIndexOf('.') + 5]) {
    const other = jws[at] === 'A' ? 'B' : 'A'
    const changed = jws.slice(0, at) + other + jws.slice(at + 1)
    await expect(open(changed, [key.jwk]), `byte ${at}`).rejects.toEqual(invalid)
  }
})

test('a signed text of another kind is refused: a device list is not a command', async () => {
  const key = await serverKey()
  await expect(open(await key.sign({}, 'devices'), [key.jwk])).rejects.toEqual(invalid)
})

test('other algorithms, no signature and keys that come with the message are refused', async () => {
  const key = await serverKey()
  const text = new TextEncoder().encode('{}')
  const { typ } = tokenKinds.command
  const { kid } = key.jwk as { kid: string }
  const secret = new TextEncoder().encode(newId() + newId())
  const hmac = await new CompactSign(text)
    .setProtectedHeader({ alg: 'HS256', typ, kid })
    .sign(secret)
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const jwk = await exportJWK(pair.publicKey)
  const embedded = await new CompactSign(text)
    .setProtectedHeader({ alg: 'EdDSA', typ, jwk })
    .sign(pair.privateKey)
  const rsa = await generateKeyPair('RS256', { extractable: true })
  const rs256 = await new CompactSign(text)
    .setProtectedHeader({ alg: 'RS256', typ, kid: 'rsa' })
    .sign(await importJWK(await exportJWK(rsa.privateKey), 'RS256'))
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const none = `${encode({ alg: 'none', typ, kid })}.${encode({})}.`
  const keys = [key.jwk, { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' }]
  for (const jws of [hmac, embedded, rs256, none, 'not a jws', ''])
    await expect(open(jws, keys)).rejects.toEqual(invalid)
})
