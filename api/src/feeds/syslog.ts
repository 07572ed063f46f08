/**
 * A batch as syslog: RFC 5424 with the event as JSON, counted in octets (RFC 5425, 6587). Syslog has no answer, so the batch is
 * taken when the receiver, told that nothing more comes, ends the connection too: it has read everything by then.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { TravessiaError } from '@travessia/schemas/errors'

/** Facility 13 (log audit), severity 5 (notice). */
const priority = 13 * 8 + 5
const maxIdChars = 32

type SyslogMessage = { readonly at: string; readonly type: string; readonly json: string }

function frameOf({ at, type, json }: SyslogMessage): string {
  const message = `<${priority}>1 ${at} travessia travessia - ${type.slice(0, maxIdChars)} - ${json}`
  return `${Buffer.byteLength(message)} ${message}`
}

/** @throws TravessiaError FEED_UNREACHABLE */
export async function sendFrames(
  messages: readonly SyslogMessage[],
  { socket, signal }: { socket: Socket; signal: AbortSignal },
): Promise<void> {
  try {
    socket.resume()
    socket.end(messages.map(frameOf).join(''))
    await once(socket, 'end', { signal })
  } catch (cause) {
    throw new TravessiaError('FEED_UNREACHABLE', {}, { cause })
  } finally {
    socket.destroy()
  }
}
