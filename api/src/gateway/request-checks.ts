/**
 * What a request on the remote port must be before anything of it is used (THREATS P3, P5, P6, U7). Pure. Node's
 * parser lets duplicate `Host`, TRACE and other things through.
 */
import type { ErrorCode } from '@travessia/schemas/errors'

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
const single = ['host', 'content-length', 'authorization', 'cookie', 'origin', 'transfer-encoding']
const maxHeaders = 100
const maxTargetBytes = 16 * 1024

type Headers = Readonly<Record<string, string | string[] | undefined>>

export type RawRequest = {
  readonly method: string
  readonly httpVersion: string
  readonly target: string
  readonly rawHeaders: readonly string[]
}

/** Why the request is refused; undefined: it is well formed. */
export function problemOf(request: RawRequest): ErrorCode | undefined {
  const { method, httpVersion, target, rawHeaders } = request
  if (rawHeaders.length > maxHeaders * 2 || target.length > maxTargetBytes)
    return 'HEADERS_TOO_LARGE'
  if (!methods.has(method)) return 'METHOD_NOT_ALLOWED'
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  const hasBadFraming =
    names.includes('transfer-encoding') &&
    (names.includes('content-length') || httpVersion === '1.0')
  const isRepeated = single.some((name) => names.indexOf(name) !== names.lastIndexOf(name))
  const isKnownVersion = httpVersion === '1.1' || httpVersion === '1.0'
  if (!isKnownVersion || hasBadFraming || isRepeated || !isSafeTarget(target))
    return 'REQUEST_INVALID'
  return undefined
}

/** A target that is passed on byte for byte: an absolute path that cannot mean another host or leave the root. */
export function isSafeTarget(target: string): boolean {
  if (!/^\/(?!\/)[!-~]*$/.test(target) || /[\\"<>^`{|}#]/.test(target.split('?', 1)[0] ?? ''))
    return false
  const [path = ''] = target.split('?', 1)
  if (/%(?![0-9a-f]{2})/i.test(target) || /%(00|0a|0d|2f|5c)/i.test(path)) return false
  let depth = 0
  for (const segment of path.replace(/%2e/gi, '.').split('/').slice(1)) {
    if (segment === '..') depth -= 1
    else if (segment !== '.') depth += 1
    if (depth < 0) return false
  }
  return true
}

/** A page for a person rather than data for a script. */
export function wantsDocument(headers: Headers): boolean {
  const destination = headers['sec-fetch-dest']
  if (destination !== undefined)
    return destination === 'document' || destination === 'iframe' || destination === 'frame'
  return String(headers['accept'] ?? '').includes('text/html')
}

/** Another site's page must not act here: its Origin is refused for everything that can change something. */
export function isOwnOrigin(
  { method, headers }: { method: string; headers: Headers },
  publicOrigin: string,
  isUpgrade = false,
): boolean {
  const { origin } = headers
  if (origin === publicOrigin) return true
  if (isUpgrade) return false
  if (origin === undefined)
    return safeMethods.has(method) || headers['sec-fetch-site'] !== 'cross-site'
  return origin === 'null' ? headers['sec-fetch-site'] === 'same-origin' : safeMethods.has(method)
}
