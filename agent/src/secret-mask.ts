/** Strikes secrets out with as many asterisks: lengths stay as they were announced. */

/** A shorter one may be a word of the page (`admin`), which must not be struck out. */
const minSecretLength = 12

export type Mask = {
  text(value: string): string
  /** In place. */
  bytes(chunk: Buffer): Buffer
  stream(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>
}

export function maskOf({ secrets }: { readonly secrets: readonly string[] }): Mask {
  const found = secrets.filter((secret) => secret.length >= minSecretLength)
  const hidden = found.map((secret) => Buffer.from(secret))
  const longest = Math.max(1, ...hidden.map(({ length }) => length))
  function bytes(chunk: Buffer): Buffer {
    for (const secret of hidden)
      for (let at = chunk.indexOf(secret); at >= 0; at = chunk.indexOf(secret, at))
        chunk.fill('*', at, at + secret.length)
    return chunk
  }
  return {
    text: (value) => found.reduce((t, one) => t.replaceAll(one, '*'.repeat(one.length)), value),
    bytes,
    /** What may be the beginning of a secret waits for the next piece. */
    async *stream(body) {
      let rest: Buffer = Buffer.alloc(0)
      for await (const chunk of body) {
        const whole = bytes(Buffer.concat([rest, chunk]))
        const kept = tailOf(whole, hidden, longest - 1)
        // A copy: whoever gets the piece may give its memory back.
        rest = Buffer.from(whole.subarray(whole.length - kept))
        if (whole.length > kept) yield whole.subarray(0, whole.length - kept)
      }
      if (rest.length > 0) yield rest
    },
  }
}

/** How many bytes at the end begin a secret. */
function tailOf(chunk: Buffer, secrets: readonly Buffer[], atMost: number): number {
  for (let length = Math.min(atMost, chunk.length); length > 0; length -= 1) {
    const tail = chunk.subarray(chunk.length - length)
    if (secrets.some((secret) => secret.subarray(0, length).equals(tail))) return length
  }
  return 0
}
