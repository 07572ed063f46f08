/**
 * What is left of an upload that has been answered. It is read and dropped: a socket that is closed with bytes unread
 * is reset, and a browser that is still sending may then never see its answer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

const usual = { maxBytes: 64 * 1024 * 1024, maxMs: 30_000 }

export function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** To be called before the answer is begun. Beyond the limits the connection is closed. */
export function dropUploadRest(
  request: IncomingMessage,
  response: ServerResponse,
  { maxBytes, maxMs } = usual,
): void {
  // Before Node's own listener, which would close the connection at once if it is not to be kept.
  response.prependOnceListener('finish', () => {
    if (request.complete) return
    const { socket } = request
    const close = socket.destroySoon.bind(socket)
    let isLast = false
    socket.destroySoon = () => {
      isLast = true
      socket.end()
    }
    const timer = setTimeout(() => socket.destroy(), maxMs)
    let dropped = 0
    request.on('data', (chunk: Buffer) => {
      dropped += chunk.length
      if (dropped > maxBytes) socket.destroy()
    })
    request.once('close', () => {
      clearTimeout(timer)
      socket.destroySoon = close
      if (isLast) close()
    })
    request.unpipe().resume()
  })
}
