/**
 * A batch as a signed POST of JSON lines, in the manner of Standard Webhooks: HMAC-SHA256 over id, time and body. The receiver
 * takes it with a 2xx; everything else, a redirect too, is no.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { TravessiaError } from '@travessia/schemas/errors'
import { exportTypes } from '../audit/export.ts'
import type { FeedAddress } from './feed-address.ts'

const prefix = 'whsec_'

type WebhookMessage = {
  readonly secret: string
  /** The same for the same batch: who gets it twice can tell. */
  readonly id: string
  readonly body: string
  readonly now: number
}

export function newWebhookSecret(): string {
  return prefix + randomBytes(32).toString('base64')
}

/** What the receiver makes for itself and compares. */
function signatureOf({ secret, id, body, now }: WebhookMessage): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000))
  const key = Buffer.from(secret.slice(prefix.length), 'base64')
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` }
}

/** @throws TravessiaError FEED_UNREACHABLE, FEED_REFUSED */
export async function postBatch(
  { url }: FeedAddress,
  message: WebhookMessage,
  { socket, signal }: { socket: Socket; signal: AbortSignal },
): Promise<void> {
  const posted = request({
    method: 'POST',
    path: url.pathname + url.search,
    createConnection: () => socket,
    headers: {
      host: url.host,
      'content-type': exportTypes.jsonl,
      'user-agent': 'Travessia',
      connection: 'close',
      ...signatureOf(message),
    },
    signal,
  })
  try {
    posted.end(message.body)
    const [{ statusCode = 0 }] = (await once(posted, 'response', { signal })) as [IncomingMessage]
    if (statusCode < 200 || statusCode > 299)
      throw new TravessiaError('FEED_REFUSED', { status: statusCode })
  } catch (cause) {
    if (cause instanceof TravessiaError) throw cause
    throw new TravessiaError('FEED_UNREACHABLE', {}, { cause })
  } finally {
    posted.destroy()
    socket.destroy()
  }
}
