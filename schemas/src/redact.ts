/**
 * What is secret in headers, queries and JSON bodies. Used by logs, events and (later) capture; the
 * text that stands in for a secret is always the same, so that a reader sees that something was there.
 */
export const redacted = '[redacted]'

const secretName = /pass|pwd|secret|token|key|pin$|^pin|otp|session|credential|senha/i
const secretHeaders = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'www-authenticate',
  'x-api-key',
])

export function isSecretName(name: string): boolean {
  return secretName.test(name)
}

/** Flat `[name, value, …]` headers with the values of secret ones replaced. */
export function redactHeaders(headers: readonly string[]): string[] {
  return headers.map((text, index) => {
    if (index % 2 === 0) return text.toLowerCase()
    const name = headers[index - 1] ?? ''
    return secretHeaders.has(name.toLowerCase()) || isSecretName(name) ? redacted : redactUrl(text)
  })
}

/** A request target or URL: values of secret query parameters and `user:password@` replaced, all else byte for byte. */
export function redactUrl(url: string): string {
  if (!/[=@]/.test(url)) return url
  return url
    .replace(/(\/\/)[^/?#@\s]+@/, `$1${redacted}@`)
    .replace(/([?&;])([^=&;#]*)=([^&;#]*)/g, (whole, mark: string, name: string) =>
      isSecretName(safeDecode(name)) ? `${mark}${name}=${redacted}` : whole,
    )
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
