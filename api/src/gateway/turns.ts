/**
 * What could hold the node is done in turns: all that waits here takes a few milliseconds of each round of the event
 * loop, one after another, and whatever else the node has to do goes on in between.
 */
import { Transform } from 'node:stream'

const roundMs = 8

/** Work on a text of single bytes (latin1) that comes in chunks; it may stop after each piece of its result. */
export type Pieces = {
  read(chunk: string): Iterable<string>
  end(): Iterable<string>
}

let roundEnd: number | undefined
const waiting: Array<() => void> = []

/** undefined: go on; else when. */
function nextTurn(): Promise<void> | undefined {
  const now = performance.now()
  if (roundEnd === undefined) {
    roundEnd = now + roundMs
    setImmediate(beginRound)
  }
  return now < roundEnd ? undefined : new Promise((resolve) => void waiting.push(resolve))
}

function beginRound(): void {
  roundEnd = undefined
  const next = waiting.shift()
  if (!next) return
  void nextTurn()
  next()
}

export function inTurns(work: Pieces): Transform {
  const stream = new Transform({
    defaultEncoding: 'latin1',
    transform: (chunk: Buffer, _encoding, done) =>
      void send(work.read(chunk.toString('latin1')), stream).then(() => done(), done),
    flush: (done) => void send(work.end(), stream).then(() => done(), done),
  })
  return stream
}

async function send(pieces: Iterable<string>, stream: Transform): Promise<void> {
  // Not `await` of undefined: many would see the same free turn before one has begun.
  const first = nextTurn()
  if (first !== undefined) await first
  let held = ''
  for (const piece of pieces) {
    held += piece
    const turn = nextTurn()
    if (!turn) continue
    stream.push(held, 'latin1')
    held = ''
    await turn
    if (stream.destroyed) return
  }
  if (held !== '') stream.push(held, 'latin1')
}
