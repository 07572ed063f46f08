import { giveBack } from './give-back.ts'
import { dataRoom, largeFrameBytes, maxDataBytes } from './tunnel-frame.ts'

type Later = (call: () => void) => void

/**
 * A body in pieces that fill a data frame, whatever sizes it is read in: of a read of 64 KiB would else be made one full
 * frame and a small one that costs nearly as much. What does not fill one waits for the end of the loop turn, no longer.
 * @param body its pieces are nobody else's
 * @param later calls back at the end of the loop turn
 */
export async function* framePieces(
  body: AsyncIterable<Uint8Array>,
  later: Later,
): AsyncGenerator<Uint8Array> {
  const source = body[Symbol.asyncIterator]()
  const filling = new Filling()
  try {
    for (;;) {
      const next = source.next()
      if (filling.bytes > 0 && !(await isHereThisTurn(next, later))) yield filling.take()
      const { done, value } = await next
      if (done) break
      for (let at = 0; at < value.length; ) {
        at += filling.add(value, at)
        if (filling.bytes === maxDataBytes) yield filling.take()
      }
      giveBack(value)
    }
    if (filling.bytes > 0) yield filling.take()
  } finally {
    // Not waited for: it may be in the middle of a read that never ends.
    source.return?.().catch(() => undefined)
  }
}

class Filling {
  #room: Uint8Array | undefined
  bytes = 0

  /** @returns how much of it there was room for */
  add(piece: Uint8Array, from: number): number {
    this.#room ??= dataRoom()
    const part = piece.subarray(from, from + maxDataBytes - this.bytes)
    this.#room.set(part, this.bytes)
    this.bytes += part.length
    return part.length
  }

  /** To be sent before more is added: a little is copied then, and the room used again. */
  take(): Uint8Array {
    const room = this.#room ?? dataRoom()
    const taken = room.subarray(0, this.bytes)
    this.bytes = 0
    if (taken.length <= largeFrameBytes) return taken
    this.#room = undefined
    return taken
  }
}

/** An error is not: what came before it is given first. */
async function isHereThisTurn(next: Promise<unknown>, later: Later): Promise<boolean> {
  const turn = new Promise<boolean>((resolve) => {
    later(() => resolve(false))
  })
  return Promise.race([
    next.then(
      () => true,
      () => false,
    ),
    turn,
  ])
}
