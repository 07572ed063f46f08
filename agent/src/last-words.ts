/**
 * A device may answer an upload and close before it has read all of it. The write that fails then would destroy the
 * socket with the answer unread in it: it is held instead, nothing more is written, and what the device said is read
 * up to its end, where an HTTP client learns that the connection is over.
 */
import type { Socket } from 'node:net'

type Done = (error?: Error | null) => void
type Chunks = Parameters<NonNullable<Socket['_writev']>>[0]

export function keepLastWords(socket: Socket): void {
  const write = socket._write.bind(socket)
  const writeAll = socket._writev?.bind(socket)
  socket._write = (chunk, encoding, done) => write(chunk, encoding, unlessClosed(done))
  if (writeAll) socket._writev = (chunks: Chunks, done) => writeAll(chunks, unlessClosed(done))
}

function unlessClosed(done: Done): Done {
  return (error) => {
    const { code } = (error ?? {}) as NodeJS.ErrnoException
    if (code !== 'EPIPE' && code !== 'ECONNRESET') done(error)
  }
}
