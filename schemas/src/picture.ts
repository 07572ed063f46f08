/** What a picture is, its first bytes say: the types that cameras announce are often wrong. */

/** Of a snapshot, and of each picture of a stream. */
export const maxPictureBytes = 8 * 1024 * 1024
/** More than that nobody sees, and every frame costs the customer's uplink. */
export const maxFramesPerSecond = 15

type Signature = { readonly type: string; readonly at: ReadonlyArray<readonly [number, string]> }

const signatures: readonly Signature[] = [
  { type: 'image/jpeg', at: [[0, '\xff\xd8\xff']] },
  { type: 'image/png', at: [[0, '\x89PNG\r\n\x1a\n']] },
  { type: 'image/gif', at: [[0, 'GIF87a']] },
  { type: 'image/gif', at: [[0, 'GIF89a']] },
  ...[{ type: 'image/webp', at: [[0, 'RIFF'] as const, [8, 'WEBP'] as const] }],
]

/** undefined: no picture that may be shown. Never SVG, which can hold a script. */
export function pictureTypeOf(bytes: Uint8Array): string | undefined {
  return signatures.find(({ at }) => at.every(([offset, text]) => holds(bytes, offset, text)))?.type
}

function holds(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1)
    if (bytes[offset + i] !== text.charCodeAt(i)) return false
  return true
}
