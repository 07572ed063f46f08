/**
 * What a request on the remote port must be before anything of it is used. Pure. Node's
 * parser lets duplicate `Host`, TRACE and other things through.
 */
import type { ErrorCode } from '@travessia/schemas/errors'
import { isSafeTarget } from '@travessia/schemas/request-target'

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
const documents = new Set(['document', 'iframe', 'frame', 'embed', 'object'])
const single = new Set(
  'host content-length authorization cookie origin transfer-encoding'.split(' '),
)
const maxHeaders = 100
const maxTargetBytes = 16 * 1024

type Headers = Readonly<Record<string, string | string[] | undefined>>

type RawRequest = {
  readonly method: string
  readonly httpVersion: string
  readonly target: string
  readonly rawHeaders: readonly string[]
}

export type HeadProblem = 'HEADERS_TOO_LARGE' | 'REQUEST_INVALID'

/** Why the request is refused; undefined: it is well formed. @param head as `headProblemOf` has found it */
export function problemOf(
  { method, httpVersion, target, rawHeaders }: RawRequest,
  head = headProblemOf(rawHeaders, httpVersion),
): ErrorCode | undefined {
  if (head === 'HEADERS_TOO_LARGE' || target.length > maxTargetBytes) return 'HEADERS_TOO_LARGE'
  if (!methods.has(method)) return 'METHOD_NOT_ALLOWED'
  return isSafeTarget(target) ? head : 'REQUEST_INVALID'
}

/** What is wrong with the header fields, whatever they are sent for. */
export function headProblemOf(
  rawHeaders: readonly string[],
  httpVersion: string,
): HeadProblem | undefined {
  if (rawHeaders.length > maxHeaders * 2) return 'HEADERS_TOO_LARGE'
  const seen = new Set<string>()
  let isRepeated = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    isRepeated ||= single.has(name) && seen.has(name)
    seen.add(name)
  }
  const hasBadFraming =
    seen.has('transfer-encoding') && (seen.has('content-length') || httpVersion === '1.0')
  const isKnownVersion = httpVersion === '1.1' || httpVersion === '1.0'
  return !isKnownVersion || hasBadFraming || isRepeated ? 'REQUEST_INVALID' : undefined
}

/** A page for a person rather than data for a script. */
export function wantsDocument(headers: Headers): boolean {
  const destination = headers['sec-fetch-dest']
  if (destination !== undefined) return documents.has(String(destination))
  return String(headers['accept'] ?? '').includes('text/html')
}

/** A style sheet for a page; without Fetch Metadata browsers ask for one like this. */
export function wantsStyle(headers: Headers): boolean {
  const destination = headers['sec-fetch-dest']
  if (destination !== undefined) return destination === 'style'
  return String(headers['accept'] ?? '').startsWith('text/css')
}

/**
 * Another site's page must not act here, and neither must another session's: a device may act on a GET too, so
 * only a person's navigation may come from elsewhere.
 */
export function isOwnOrigin(
  { method, headers }: { method: string; headers: Headers },
  publicOrigin: string,
  isUpgrade = false,
): boolean {
  const { origin, 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = headers
  if (origin === publicOrigin) return true
  if (isUpgrade) return false
  if (origin !== undefined) return origin === 'null' && site === 'same-origin'
  const isFromElsewhere = site === 'cross-site' || site === 'same-site'
  return !isFromElsewhere || (safeMethods.has(method) && mode === 'navigate')
}

/** RFC 6455 4.2.1: what must be there before anything is opened at the device. */
export function isWebSocketHandshake(method: string | undefined, headers: Headers): boolean {
  const version = String(headers['sec-websocket-version'] ?? '')
  const key = String(headers['sec-websocket-key'] ?? '')
  return (
    method === 'GET' &&
    String(headers['upgrade'] ?? '').toLowerCase() === 'websocket' &&
    version === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(key)
  )
}
