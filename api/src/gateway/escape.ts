/**
 * Path mode: a page's own `location = '/x'`, or an address in text of HTML that a script put in, asks the remote host
 * itself. Where it came from says which session it means. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { pathSessionsOf } from './cookies.ts'
import type { LiveSession, RemoteSessions } from './remote-sessions.ts'
import type { SessionSecrets } from './session-secrets.ts'

const pagePath = /^(\/remote\/s\/([a-z0-9]{26})(?:\/__travessia\/port\/\d{1,5})?)\//

const maxShown = 8

/** Open sessions whose cookie the browser shows. Anybody can send hundreds, and the check of one is a query. */
export function shownSessions(
  cookies: string | undefined,
  {
    sessions,
    secrets,
  }: {
    readonly sessions: Pick<RemoteSessions, 'find'>
    readonly secrets: Pick<SessionSecrets, 'isCookieOf'>
  },
): LiveSession[] {
  return pathSessionsOf(cookies)
    .map(([id, cookie]) => ({ session: sessions.find(id), cookie }))
    .filter((one): one is { session: LiveSession; cookie: string } => one.session !== undefined)
    .slice(0, maxShown)
    .filter(({ session, cookie }) => secrets.isCookieOf(session.id, cookie))
    .map(({ session }) => session)
}

/**
 * What is missing before the target; undefined: nobody knows.
 * @param context `sessions`: those whose cookie the browser showed
 */
export function escapedPrefix(
  headers: IncomingHttpHeaders,
  {
    publicOrigin,
    sessions,
    isUpgrade,
  }: { publicOrigin: string; sessions: readonly string[]; isUpgrade: boolean },
): string | undefined {
  const { referer = '', origin } = headers
  const from = URL.canParse(referer) ? new URL(referer) : undefined
  const [, prefix, id = ''] =
    from?.origin === publicOrigin ? (pagePath.exec(from.pathname) ?? []) : []
  if (prefix !== undefined) return sessions.includes(id) ? prefix : undefined
  // Browsers name no page when they open a WebSocket.
  const isOwn = isUpgrade
    ? origin === publicOrigin
    : headers['sec-fetch-site'] === 'same-origin' && headers['sec-fetch-mode'] !== 'navigate'
  const [only, ...others] = sessions
  return isOwn && only !== undefined && others.length === 0 ? `/remote/s/${only}` : undefined
}
