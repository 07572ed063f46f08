/**
 * Cookies of device pages. Host mode: to the browser host-only with their Path, back as they are.
 * Path mode: HttpOnly and `__Host-` ones stay here in a jar, the others are bound to the session by path and mark.
 * Ours never reach a device, and a device can neither set nor read them.
 */
import type { CookieJar } from '@travessia/schemas/cookie-jar'

const ownPrefix = '__host-travessia'

export function sessionCookieName(mode: 'host' | 'path', sessionId: string): string {
  return mode === 'host' ? '__Host-travessia-session' : `__Host-travessia-session-${sessionId}`
}

/** Sessions in path mode whose cookies a `Cookie` header holds, whether they are right or not. */
export function pathSessionsOf(header: string | undefined): Array<[id: string, cookie: string]> {
  const name = sessionCookieName('path', '')
  return pairsOf(header)
    .filter((pair) => pair.startsWith(name))
    .map((pair) => [pair.slice(name.length).split('=', 1)[0] ?? '', pair.split('=')[1] ?? ''])
}

/** The value of one cookie of a `Cookie` header. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  const pair = pairsOf(header).find((one) => one.startsWith(`${name}=`))
  return pair?.slice(name.length + 1)
}

/**
 * Before the names of a device's cookies where sessions share an origin: a cookie without it, or with that of
 * another session, is not this device's.
 */
export function cookieMark(base: string): string {
  return base === '' ? '' : `${base.slice(base.lastIndexOf('/') + 1)}-`
}

/** The `Cookie` header for the device; undefined: none. */
export function cookiesForDevice(
  header: string | undefined,
  jar: CookieJar,
  mark = '',
): string | undefined {
  const own = pairsOf(header)
    .filter((pair) => !pair.toLowerCase().startsWith(ownPrefix) && pair.startsWith(mark))
    .map((pair) => pair.slice(mark.length))
  const pairs = [...own, ...jar.pairs()]
  return pairs.length === 0 ? undefined : pairs.join('; ')
}

/** A device's `Set-Cookie` for the browser; undefined: it is not passed on. */
export function cookieForBrowser(
  text: string,
  {
    prefix,
    mark = '',
    isHttps,
    jar,
  }: { prefix: string; mark?: string; isHttps: boolean; jar: CookieJar | undefined },
): string | undefined {
  const [pair = '', ...attributes] = text.split(';').map((part) => part.trim())
  const name = (pair.split('=', 1)[0] ?? '').trim()
  // Without a name the value alone would come back, and could look like ours.
  if (!pair.includes('=') || name === '' || name.toLowerCase().startsWith(ownPrefix))
    return undefined
  // Browsers take these prefixes with `Secure` only, and `Secure` also over http on loopback.
  const isSecure = isHttps || /^__(host|secure)-/i.test(name)
  const known = attributes.filter((attribute) => !/^domain\b/i.test(attribute))
  if (jar && (known.some((a) => /^httponly$/i.test(a)) || /^__host-/i.test(name))) {
    jar.set(pair, known)
    return undefined
  }
  // The same cookie, no longer HttpOnly, is the browser's now.
  jar?.set(pair, ['Max-Age=0'])
  const kept = known
    .filter((attribute) => isSecure || !/^secure$/i.test(attribute))
    .map((attribute) => {
      if (!isSecure && /^samesite=none$/i.test(attribute)) return 'SameSite=Lax'
      return prefix === '' ? attribute : attribute.replace(/^path=\/?/i, `Path=${prefix}/`)
    })
  const hasPath = kept.some((attribute) => /^path=/i.test(attribute))
  if (prefix !== '' && !hasPath) kept.push(`Path=${prefix}/`)
  if (isSecure && !kept.some((attribute) => /^secure$/i.test(attribute))) kept.push('Secure')
  return [mark + pair, ...kept].join('; ')
}

/**
 * What a session's pages left in its own host goes with the session. Cookies by name: the directive
 * `"cookies"` would take those of every other session's host too, unless the remote host is a public suffix (ADR 7).
 */
export function clearingHeaders(
  cookieHeader: string | undefined,
): Record<string, string | string[]> {
  const names = pairsOf(cookieHeader)
    .map((pair) => pair.split('=', 1)[0] ?? '')
    .filter((name) => /^[!-~]+$/.test(name))
  return {
    'clear-site-data': '"storage", "cache"',
    'set-cookie': names.map((name) => `${name}=; Path=/; Max-Age=0; Secure`),
  }
}

function pairsOf(header: string | undefined): string[] {
  return (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
}
