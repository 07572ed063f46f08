import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSame, utf8 } from './bytes.ts'
import { hasher, isSigned, portable, sha256 } from './crypto.ts'
import { newSigner } from './signer.fixture.ts'

test('with and without Node the same bytes have the same digest, in one piece and in several', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
      const digest = sha256(bytes)
      const parts = [bytes.subarray(0, at), bytes.subarray(at)]
      expect(isSame(portable.sha256(bytes), digest)).toBe(true)
      for (const one of [hasher(), portable.hasher()]) {
        for (const part of parts) one.update(part)
        expect(isSame(one.digest(), digest)).toBe(true)
      }
    }),
  )
})

test('with and without Node a signature is right for its message and key alone', () => {
  const [signer, other] = [newSigner(), newSigner()]
  const [message, another] = [utf8('one'), utf8('two')]
  const signature = signer.sign(message)
  for (const is of [isSigned, portable.isSigned]) {
    expect(is(message, signature, signer.publicKey)).toBe(true)
    expect(is(another, signature, signer.publicKey)).toBe(false)
    expect(is(message, signature, other.publicKey)).toBe(false)
    expect(is(message, signature.subarray(1), signer.publicKey)).toBe(false)
    expect(is(message, signature, signer.publicKey.subarray(1))).toBe(false)
  }
})
