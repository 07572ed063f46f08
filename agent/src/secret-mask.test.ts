import { framePieces } from '@travessia/schemas/frame-pieces'
import { expect, test } from 'vitest'
import { maskOf } from './secret-mask.ts'

const secret = 'canary-of-the-device-password'

/** As one read after the other. */
async function* reads(text: string) {
  for (let at = 0; at < text.length; at += 65_536) yield Buffer.from(text.slice(at, at + 65_536))
}

test.each([
  ['without a secret', 'x'],
  ['of secrets, some of them over two reads', `x${secret}`],
])(
  'a large page %s comes whole, though the memory of what was sent is given back',
  async (_what, text) => {
    const page = text.repeat(200_000 / text.length)
    const pieces: Buffer[] = []
    const masked = maskOf({ secrets: [secret] }).stream(reads(page))
    for await (const piece of framePieces(masked, setImmediate)) pieces.push(Buffer.from(piece))
    const struck = page.replaceAll(secret, '*'.repeat(secret.length))
    expect(Buffer.concat(pieces).toString() === struck).toBe(true)
  },
)
