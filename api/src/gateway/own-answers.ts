/** Answers that are no page: to another address, and the refusal of an upgrade. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'

/** Method and body stay. */
export function redirect(
  request: IncomingMessage,
  response: ServerResponse,
  location: string,
): undefined {
  const headers = { location, 'content-length': 0, 'cache-control': 'no-store' }
  response.writeHead(307, headers).end()
  request.resume()
}

export function refuseUpgrade(socket: Duplex, code: ErrorCode): void {
  const { status } = new TravessiaError(code)
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\nx-travessia-error: ${code}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}
