/** Counts and digests the bytes of a body that pass, and copies them where that is wanted. */
import { createHash, type Hash, hash } from 'node:crypto'
import { Transform } from 'node:stream'
import { TravessiaError } from '@travessia/schemas/errors'
import { minGivenBytes } from '@travessia/schemas/give-back'
import type { BodyCopy } from './body-copy.ts'

const emptyDigest = `sha256:${hash('sha256', '')}`

export class Meter {
  #copyOf: (() => BodyCopy | undefined) | undefined
  #copy: BodyCopy | undefined
  /** Of a small piece alone, which most bodies are, the digest is made at once; a large one's memory may be given back. */
  #first: Uint8Array | undefined
  #hash: Hash | undefined
  #bytes = 0
  #digest: string | undefined

  /** @param copyOf asked with the first byte */
  constructor(copyOf?: () => BodyCopy | undefined) {
    this.#copyOf = copyOf
  }

  get copy(): BodyCopy | undefined {
    return this.#copy
  }

  /** What comes after the end was recorded is not counted any more. */
  add(chunk: Uint8Array): void {
    if (this.#digest !== undefined) return
    if (this.#copyOf) {
      this.#copy = this.#copyOf()
      this.#copyOf = undefined
    }
    this.#copy?.add(chunk)
    const isAlone = this.#bytes === 0 && chunk.length < minGivenBytes
    this.#bytes += chunk.length
    if (isAlone) {
      this.#first = chunk
      return
    }
    this.#hash ??= createHash('sha256').update(this.#first ?? '')
    this.#first = undefined
    this.#hash.update(chunk)
  }

  /** Hands pieces on. @param expected as for `stream`. @throws TravessiaError DEVICE_PROTOCOL */
  async *checked(pieces: AsyncIterable<Uint8Array>, expected?: number): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.add(piece)
      if (expected !== undefined && this.#bytes > expected) throw this.#mismatch(expected)
      yield piece
    }
    if (expected !== undefined && this.#bytes < expected) throw this.#mismatch(expected)
  }

  /**
   * @param expected the length that the head announced: more or less of it is an error, so that the browser sees a
   * broken answer and never the start of the next one
   */
  stream(expected?: number): Transform {
    return new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        this.add(chunk)
        if (expected !== undefined && this.#bytes > expected) done(this.#mismatch(expected))
        else done(null, chunk)
      },
      flush: (done) =>
        done(expected !== undefined && this.#bytes < expected ? this.#mismatch(expected) : null),
    })
  }

  #mismatch(expected: number): TravessiaError {
    return new TravessiaError('DEVICE_PROTOCOL', { expected, bytes: this.#bytes })
  }

  facts(): { bytes: number; digest: string } {
    this.#digest ??= this.#digestNow()
    return { bytes: this.#bytes, digest: this.#digest }
  }

  #digestNow(): string {
    if (this.#hash) return `sha256:${this.#hash.digest('hex')}`
    return this.#first ? `sha256:${hash('sha256', this.#first)}` : emptyDigest
  }
}
