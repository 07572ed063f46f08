/** Header rewriting in both directions, pure. Headers are flat `[name, value, …]`. */
import type { CookieJar } from '@travessia/schemas/cookie-jar'
import { TravessiaError } from '@travessia/schemas/errors'
import { allowScript, mapPolicy } from './content-policy.ts'
import { cookieForBrowser, cookieMark, cookiesForDevice } from './cookies.ts'
import { type PublicView, publicPathOf } from './public-address.ts'

const hopByHop =
  `connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer
  transfer-encoding upgrade`.split(/\s+/)
const notRemovable = new Set(['content-length', 'host', 'cookie', 'authorization'])
const prefixHeaders = [
  'x-forwarded-prefix',
  'x-forwarded-context',
  'x-script-name',
  'x-ingress-path',
]
/** Made anew, or nobody's business at the device. */
const notUp = new Set([
  ...hopByHop,
  ...prefixHeaders,
  ...`host content-length expect forwarded via x-real-ip origin referer cookie upgrade-insecure-requests`.split(
    ' ',
  ),
])
/** What `mapped` makes something of. */
const toMap = new Set(
  `set-cookie location content-location refresh link content-security-policy
  content-security-policy-report-only`.split(/\s+/),
)
/** Would bind the browser beyond this session, or is mapped below. */
const notDown = new Set([
  ...hopByHop,
  ...toMap,
  ...`strict-transport-security public-key-pins public-key-pins-report-only alt-svc nel report-to reporting-endpoints
  clear-site-data service-worker-allowed referrer-policy cross-origin-opener-policy cache-control`.split(
    /\s+/,
  ),
])

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/
/** Of a body that is no longer the device's. */
const notOfRewritten =
  /^(content-length|content-encoding|etag|last-modified|accept-ranges|content-md5|digest|repr-digest)$/
/** Of an answer that must come whole and plain. */
const notToRewritten = /^(accept-encoding|if-none-match|if-modified-since)$/
const connection = 'connection'
const contentLength = 'content-length'
const tokenIssuer = 'travessia'

export function pairsOf(flat: readonly string[]): Array<[string, string]> {
  const pairs: Array<[string, string]> = []
  for (let i = 0; i < flat.length; i += 2)
    pairs.push([(flat[i] ?? '').toLowerCase(), flat[i + 1] ?? ''])
  return pairs
}

export function headerOf(flat: readonly string[], name: string): string | undefined {
  for (let i = 0; i < flat.length; i += 2)
    if (flat[i]?.length === name.length && flat[i]?.toLowerCase() === name) return flat[i + 1]
  return undefined
}

/**
 * A header that would split the answer, or a length that is not one length, is the device's fault.
 * @throws TravessiaError DEVICE_PROTOCOL
 */
export function requireCleanHeaders(flat: readonly string[]): void {
  let lengths = 0
  let isClean = flat.length % 2 === 0
  for (let i = 0; i < flat.length && isClean; i += 2) {
    const name = flat[i] ?? ''
    const value = flat[i + 1] ?? ''
    isClean = headerName.test(name) && headerValue.test(value)
    if (name.length !== contentLength.length || name.toLowerCase() !== contentLength) continue
    lengths += 1
    isClean &&= lengths === 1 && /^\d{1,15}$/.test(value)
  }
  if (!isClean) throw new TravessiaError('DEVICE_PROTOCOL')
}

/** What the device is sent. `Host` and framing are made by whoever holds the socket. */
export function requestHeaders(
  raw: readonly string[],
  { view, jar, isRewritten }: { view: PublicView; jar: CookieJar; isRewritten: boolean },
): string[] {
  const named = namedByConnection(raw)
  const kept: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    if (!named?.has(name) && goesUp(name, value, isRewritten)) kept.push(name, value)
  }
  const cookie = cookiesForDevice(headerOf(raw, 'cookie'), jar, cookieMark(view.base))
  if (cookie !== undefined) kept.push('cookie', cookie)
  if (headerOf(raw, 'origin') !== undefined) kept.push('origin', view.targetOrigin)
  const referer = deviceReferer(headerOf(raw, 'referer'), view)
  if (referer !== undefined) kept.push('referer', referer)
  if (isRewritten) kept.push('accept-encoding', 'identity')
  if (view.prefix !== '') for (const name of prefixHeaders) kept.push(name, view.prefix)
  return kept
}

function goesUp(name: string, value: string, isRewritten: boolean): boolean {
  return (
    !notUp.has(name) &&
    !name.startsWith('x-forwarded-') &&
    !name.startsWith('x-travessia') &&
    !name.startsWith('sec-websocket-') &&
    !(name === 'authorization' && isOwnToken(value)) &&
    !(isRewritten && notToRewritten.test(name))
  )
}

/** What the browser is sent. */
export function responseHeaders(
  raw: readonly string[],
  context: {
    view: PublicView
    requestPath: string
    jar: CookieJar | undefined
    isRewritten: boolean
    /** Of our script, where the page gets it. */
    script: string | undefined
  },
): string[] {
  const { isRewritten } = context
  const named = namedByConnection(raw)
  const answer: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    if (notDown.has(name)) answer.push(...mapped(name, value, context))
    else if (named?.has(name) || name.startsWith('access-control-')) continue
    else if (!(isRewritten && notOfRewritten.test(name))) answer.push(name, value)
  }
  addOwn(answer, raw, isRewritten)
  return answer
}

function addOwn(answer: string[], raw: readonly string[], isRewritten: boolean): void {
  // Devices frame their own pages (ADR 6); nobody else may.
  answer.push('content-security-policy', "frame-ancestors 'self'")
  answer.push('referrer-policy', 'same-origin', 'cross-origin-opener-policy', 'same-origin')
  answer.push(
    'cache-control',
    isRewritten ? 'no-store' : privateCache(headerOf(raw, 'cache-control')),
  )
}

/** As `responseHeaders` of an answer that is not rewritten and has nothing to map; undefined: it has. */
export function plainAnswer(raw: readonly string[]): string[] | undefined {
  const named = namedByConnection(raw)
  const answer: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    if (toMap.has(name)) return undefined
    const isDropped = notDown.has(name) || named?.has(name) || name.startsWith('access-control-')
    if (!isDropped) answer.push(name, raw[i + 1] ?? '')
  }
  addOwn(answer, raw, false)
  return answer
}

function mapped(
  name: string,
  value: string,
  { view, requestPath, jar, script }: Parameters<typeof responseHeaders>[1],
): string[] {
  switch (name) {
    case 'location':
    case 'content-location':
      return [name, publicPathOf(value, requestPath, view)]
    case 'refresh':
      return [name, mapRefresh(value, (url) => publicPathOf(url, requestPath, view))]
    case 'link':
      return [
        name,
        value.replace(/<([^>]*)/g, (_, url: string) => `<${publicPathOf(url, requestPath, view)}`),
      ]
    case 'set-cookie': {
      const isHttps = view.publicOrigin.startsWith('https:')
      const cookie = cookieForBrowser(value, {
        prefix: view.prefix,
        mark: cookieMark(view.base),
        isHttps,
        jar,
      })
      return cookie === undefined ? [] : [name, cookie]
    }
    case 'content-security-policy':
    case 'content-security-policy-report-only': {
      const policy = mapPolicy(value, view)
      return [name, script === undefined ? policy : allowScript(policy, script)]
    }
    default:
      return []
  }
}

/** `5; url=/x`, `5;/x`, `5 '/x'`: browsers take all of them. */
function mapRefresh(value: string, map: (url: string) => string): string {
  const match = /^\s*(\d*(?:\.\d*)?)[\s;,]+(?:url\s*=\s*)?["']?([^"']+)/i.exec(value)
  return match
    ? `${match[1]}; url=${map(match[2] ?? '')}`
    : (/^\s*\d+/.exec(value)?.[0].trim() ?? '0')
}

/** Shared caches must not keep a device's page; the browser's own may, with ETag and 304. */
function privateCache(value: string | undefined): string {
  const directives = (value ?? '')
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !/^(public|s-maxage=.*|private)$/i.test(directive))
  return ['private', ...directives].join(', ')
}

function deviceReferer(referer: string | undefined, view: PublicView): string | undefined {
  if (referer === undefined || !URL.canParse(referer)) return undefined
  const { origin, pathname, search } = new URL(referer)
  if (origin !== view.publicOrigin) return undefined
  const [from] = [...view.others]
    .filter(([, prefix]) => pathname.startsWith(`${prefix}/`))
    .sort(([, a], [, b]) => b.length - a.length)
  return from && `${from[0]}${pathname.slice(from[1].length)}${search}`
}

/** Our own Bearer tokens never reach a device; one that the device's page got from the device does. */
function isOwnToken(value: string): boolean {
  const [, payload = ''] = /^bearer\s+[\w-]+\.([\w-]+)\./i.exec(value) ?? []
  return Buffer.from(payload, 'base64url').includes(`"iss":"${tokenIssuer}"`)
}

/** RFC 9110 7.6.1: names that `Connection` lists go no further, but none whose loss would undo framing or routing. */
function namedByConnection(raw: readonly string[]): Set<string> | undefined {
  let named: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length !== connection.length || raw[i]?.toLowerCase() !== connection) continue
    for (const token of (raw[i + 1] ?? '').toLowerCase().split(',')) {
      const name = token.trim()
      if (!notRemovable.has(name)) named = (named ?? new Set()).add(name)
    }
  }
  return named
}
