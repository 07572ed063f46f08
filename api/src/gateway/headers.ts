/** Header rewriting in both directions, pure (DEVICES 4.3, THREATS U5, U6, P4). Headers are flat `[name, value, …]`. */
import type { CookieJar } from '@travessia/schemas/cookie-jar'
import { TravessiaError } from '@travessia/schemas/errors'
import { allowScript, mapPolicy } from './content-policy.ts'
import { cookieForBrowser, cookieMark, cookiesForDevice } from './cookies.ts'
import { type PublicView, publicPathOf } from './public-address.ts'

const hopByHop = new Set(
  `connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding
  upgrade`.split(/\s+/),
)
const notRemovable = new Set(['content-length', 'host', 'cookie', 'authorization'])
/** Made anew, or nobody's business at the device. */
const notUp = new Set(
  `host content-length expect forwarded via x-real-ip origin referer cookie upgrade-insecure-requests`.split(
    ' ',
  ),
)
/** Would bind the browser beyond this session, or is mapped below. */
const notDown = new Set(
  `strict-transport-security public-key-pins public-key-pins-report-only alt-svc nel report-to reporting-endpoints
  clear-site-data service-worker-allowed referrer-policy cross-origin-opener-policy set-cookie location
  content-location refresh link content-security-policy content-security-policy-report-only cache-control`.split(
    /\s+/,
  ),
)

const prefixHeaders = [
  'x-forwarded-prefix',
  'x-forwarded-context',
  'x-script-name',
  'x-ingress-path',
]

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/
/** Of a body that is no longer the device's. */
const notOfRewritten =
  /^(content-length|content-encoding|etag|last-modified|accept-ranges|content-md5|digest|repr-digest)$/
const tokenIssuer = 'travessia'

export type Pairs = ReadonlyArray<readonly [name: string, value: string]>

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
 * THREATS P9, P5: a header that would split the answer, or a length that is not one length, is the device's fault.
 * @throws TravessiaError DEVICE_PROTOCOL
 */
export function requireCleanHeaders(flat: readonly string[]): void {
  const isClean = flat.every((text, i) =>
    i % 2 === 0 ? headerName.test(text) : headerValue.test(text),
  )
  const names = flat.filter((text, i) => i % 2 === 0 && /^content-length$/i.test(text))
  const length = headerOf(flat, 'content-length') ?? '0'
  if (flat.length % 2 !== 0 || !isClean || names.length > 1 || !/^\d{1,15}$/.test(length))
    throw new TravessiaError('DEVICE_PROTOCOL')
}

/** What the device is sent. `Host` and framing are made by whoever holds the socket. */
export function requestHeaders(
  raw: readonly string[],
  { view, jar, isRewritten }: { view: PublicView; jar: CookieJar; isRewritten: boolean },
): string[] {
  const pairs = pairsOf(raw)
  const kept = withoutHopByHop(pairs).filter(
    ([name, value]) =>
      !notUp.has(name) &&
      !prefixHeaders.includes(name) &&
      !/^(x-forwarded-|x-travessia|sec-websocket-)/.test(name) &&
      !(name === 'authorization' && isOwnToken(value)) &&
      !(isRewritten && /^(accept-encoding|if-none-match|if-modified-since)$/.test(name)),
  )
  const cookie = cookiesForDevice(valueOfHeader(pairs, 'cookie'), jar, cookieMark(view.base))
  if (cookie !== undefined) kept.push(['cookie', cookie])
  if (pairs.some(([name]) => name === 'origin')) kept.push(['origin', view.targetOrigin])
  const referer = deviceReferer(valueOfHeader(pairs, 'referer'), view)
  if (referer !== undefined) kept.push(['referer', referer])
  if (isRewritten) kept.push(['accept-encoding', 'identity'])
  if (view.prefix !== '') {
    for (const name of prefixHeaders) kept.push([name, view.prefix])
  }
  return kept.flat()
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
  const pairs = pairsOf(raw)
  const answer = withoutHopByHop(pairs).filter(
    ([name]) =>
      !notDown.has(name) &&
      !name.startsWith('access-control-') &&
      !(isRewritten && notOfRewritten.test(name)),
  )
  for (const [name, value] of pairs) answer.push(...mapped(name, value, context))
  // Devices frame their own pages (ADR 6); nobody else may.
  answer.push(['content-security-policy', "frame-ancestors 'self'"])
  answer.push(['referrer-policy', 'same-origin'], ['cross-origin-opener-policy', 'same-origin'])
  answer.push([
    'cache-control',
    isRewritten ? 'no-store' : privateCache(valueOfHeader(pairs, 'cache-control')),
  ])
  return answer.flat()
}

function mapped(
  name: string,
  value: string,
  { view, requestPath, jar, script }: Parameters<typeof responseHeaders>[1],
): Array<[string, string]> {
  switch (name) {
    case 'location':
    case 'content-location':
      return [[name, publicPathOf(value, requestPath, view)]]
    case 'refresh':
      return [[name, mapRefresh(value, (url) => publicPathOf(url, requestPath, view))]]
    case 'link':
      return [
        [
          name,
          value.replace(
            /<([^>]*)>/g,
            (_, url: string) => `<${publicPathOf(url, requestPath, view)}>`,
          ),
        ],
      ]
    case 'set-cookie': {
      const isHttps = view.publicOrigin.startsWith('https:')
      const cookie = cookieForBrowser(value, {
        prefix: view.prefix,
        mark: cookieMark(view.base),
        isHttps,
        jar,
      })
      return cookie === undefined ? [] : [[name, cookie]]
    }
    case 'content-security-policy':
    case 'content-security-policy-report-only':
      return [[name, policyWith(script, mapPolicy(value, view))]]
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

function policyWith(script: string | undefined, policy: string): string {
  return script === undefined ? policy : allowScript(policy, script)
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

/** RFC 9110 7.6.1: also the names that `Connection` lists, but none that would undo framing or routing. */
function withoutHopByHop(pairs: Array<[string, string]>): Array<[string, string]> {
  const listed = new Set<string>()
  for (const [name, value] of pairs) {
    if (name !== 'connection') continue
    for (const token of value.toLowerCase().split(',')) listed.add(token.trim())
  }
  return pairs.filter(
    ([name]) => !hopByHop.has(name) && !(listed.has(name) && !notRemovable.has(name)),
  )
}

function valueOfHeader(pairs: Pairs, name: string): string | undefined {
  return pairs.find(([one]) => one === name)?.[1]
}
