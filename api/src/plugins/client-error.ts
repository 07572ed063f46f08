/** What Node's HTTP parser refuses before there is a request: problem details all the same, then the connection ends. */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Problem } from '@travessia/schemas/api'
import { type ErrorCode, errorTable, errorText } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'

export function answerClientError({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  // Into an answer that has begun nothing else may be written.
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse }
  if (code === 'ECONNRESET' || !socket.writable || answer?.headersSent) {
    socket.destroy()
    return
  }
  socket.end(answerOf(code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'REQUEST_INVALID'))
  socket.once('finish', () => socket.destroy())
}

function answerOf(code: ErrorCode): string {
  const { status } = errorTable[code]
  const text = { type: 'about:blank', title: errorText(code, 'pt-BR') }
  const body = JSON.stringify({ ...text, status, code, correlationId: newId() } satisfies Problem)
  return [
    `HTTP/1.1 ${status} ${code}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Connection: close\r\n\r\n${body}`,
  ].join('\r\n')
}
