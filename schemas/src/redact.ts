/**
 * What is secret in headers, queries and JSON bodies. Used by logs, events and captured bodies; the
 * text that stands in for a secret is always the same, so that a reader sees that something was there.
 */
export const redacted = '[redacted]'

const secretName = /pass|pwd|secret|token|key|pin$|^pin|otp|session|credential|senha/i
/** Of an address only: elsewhere these are flags and names of methods. */
const secretParameter = /^(auth|jwt|sid|sig)$|signature$/i
const secretHeaders = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'www-authenticate',
  'x-api-key',
  // Pages put a bearer token there.
  'sec-websocket-protocol',
])

export function isSecretName(name: string): boolean {
  return secretName.test(name)
}

/** Names of headers that were judged already: the same few come with every request. */
const judged = new Map<string, boolean>()
const maxJudged = 1_000
const maxJudgedLength = 64

function isSecretHeader(name: string): boolean {
  const known = judged.get(name)
  if (known !== undefined) return known
  const isSecret = secretHeaders.has(name) || isSecretName(name)
  if (judged.size >= maxJudged) judged.clear()
  if (name.length <= maxJudgedLength) judged.set(name, isSecret)
  return isSecret
}

/** Flat `[name, value, …]` headers, names in lower case, with the values of secret ones replaced. */
export function redactHeaders(headers: readonly string[]): string[] {
  const clean: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    clean.push(name)
    const value = headers[i + 1]
    if (value !== undefined) clean.push(isSecretHeader(name) ? redacted : redactUrl(value))
  }
  return clean
}

/** A request target or URL: values of secret parameters and `user:password@` replaced, all else byte for byte. */
export function redactUrl(url: string): string {
  if (!/[=@]/.test(url)) return url
  return url
    .replace(/(\/\/)[^/?#\s]+@/g, `$1${redacted}@`)
    .replace(/([?&;#])([^=&;?#]*)=([^&;#]*)/g, (whole, mark: string, name: string) =>
      isSecretParameter(safeDecode(name)) ? `${mark}${name}=${redacted}` : whole,
    )
}

function isSecretParameter(name: string): boolean {
  return isSecretName(name) || secretParameter.test(name)
}

/** A JSON value with the members of secret names replaced, at any depth. */
export function redactValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isSecretName(name) ? redacted : redactValue(member),
    ]),
  )
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
