/** Pictures of a live camera as they come in, and how old each really is. */
import { MultipartReader } from '@travessia/schemas/multipart'

export type LivePicture = {
  readonly blob: Blob
  /** When it was taken, by the clock of this device. */
  readonly takenAt: number
}

/** A picture that is older is said to be; one that is older than the second is none any more. */
const [lateMs, goneMs] = [3_000, 10_000]

export function toneOfAge(ageMs: number): 'good' | 'warn' | 'bad' {
  if (ageMs < lateMs) return 'good'
  return ageMs < goneMs ? 'warn' : 'bad'
}

/**
 * The server's clock and this one differ by something constant, and the way takes something that varies: the
 * quickest picture so far shows how much of it is constant. What waits in buffers on a slow link so shows as age.
 */
export class PictureClock {
  #offset = Number.POSITIVE_INFINITY

  /** @param at by the server's clock */
  takenAt(at: number, now: number): number {
    this.#offset = Math.min(this.#offset, now - at)
    return at + this.#offset
  }
}

/** @returns why it ended, as the server says; undefined: it broke off */
export async function readPictures(
  body: ReadableStream<Uint8Array>,
  onPicture: (picture: LivePicture) => void,
): Promise<string | undefined> {
  const parts = new MultipartReader()
  const clock = new PictureClock()
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return undefined
    for (const { headers, body: bytes } of parts.push(value)) {
      const end = headers['x-travessia-end']
      if (end !== undefined) return end
      const blob = new Blob([Uint8Array.from(bytes)], { type: headers['content-type'] ?? '' })
      const now = Date.now()
      onPicture({ blob, takenAt: clock.takenAt(Number(headers['x-travessia-at'] ?? now), now) })
    }
  }
}
