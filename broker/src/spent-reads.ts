/**
 * Gives the reads of a WebSocket's socket back as soon as `ws` has taken its messages out of them. It keeps what may still
 * be part of the next message, and so does this: only reads before the one that a message ended in, and none that a
 * message or a pong is a view of.
 */
import type { Duplex } from 'node:stream'
import { giveBack } from '@travessia/schemas/give-back'
import type { WebSocket } from 'ws'

/** Before anything is read. */
export function giveSpentReadsBack(webSocket: WebSocket, socket: Duplex): void {
  let reads: Buffer[] = []
  let isReading = false
  let isMessage = false
  socket.prependListener('data', (read: Buffer) => {
    isReading = true
    isMessage = false
    reads.push(read)
  })
  const keep = (part: Buffer) => {
    if (reads.some(({ buffer }) => buffer === part.buffer))
      reads = reads.filter(({ buffer }) => buffer !== part.buffer)
  }
  webSocket.on('message', (message: Buffer) => {
    // `ws` reads at once what it is given; a version that does not is left alone.
    if (!isReading) reads = []
    isMessage = isReading
    keep(message)
  })
  // The pong that `ws` answers with is the same bytes, and may wait for its reader.
  webSocket.on('ping', keep)
  socket.on('data', (read: Buffer) => {
    isReading = false
    if (!isMessage) return
    for (const spent of reads) if (spent !== read) giveBack(spent)
    reads = reads.includes(read) ? [read] : []
  })
}
