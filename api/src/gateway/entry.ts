/** `GET /__travessia/enter?ticket=`: a ticket becomes the session's cookie, once. */
import type { ServerResponse } from 'node:http'
import { sessionCookieName } from './cookies.ts'
import type { Route } from './public-address.ts'
import type { SessionSecrets } from './session-secrets.ts'

export const entryPath = '/__travessia/enter'

/** @throws TravessiaError TICKET_USED: no cookie is set */
export function enter(
  response: ServerResponse,
  { sessionId, mode, base, target }: Route,
  secrets: SessionSecrets,
): void {
  const ticket = new URLSearchParams(target.split('?')[1] ?? '').get('ticket') ?? ''
  const cookie = secrets.redeem(sessionId, ticket)
  const name = sessionCookieName(mode, sessionId)
  response.writeHead(303, {
    location: `${base}/`,
    'set-cookie': `${name}=${cookie}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-length': 0,
  })
  response.end()
}
