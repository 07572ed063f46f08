/** The API console's texts: what a person writes becomes a request, what a device answers becomes readable. Pure. */
import type { ProxyAnswer, ProxyBody } from '@travessia/schemas/api'

export type Draft = {
  readonly method: ProxyBody['method']
  readonly path: string
  /** `Name: value`, one a line. */
  readonly headers: string
  readonly body: string
}

/** More is not laid out: a phone would stand still. */
const maxShownChars = 20_000
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD'])

export function hasBody(method: ProxyBody['method']): boolean {
  return !bodiless.has(method)
}

/** @returns the number of the first line that is not `Name: value`, when there is one */
export function requestOf({ method, path, headers, body }: Draft): ProxyBody | number {
  const given: Record<string, string> = {}
  for (const [index, line] of headers.split('\n').entries()) {
    if (line.trim() === '') continue
    const [, name = '', value = ''] = /^\s*([^\s:]+)\s*:\s*(.*?)\s*$/.exec(line) ?? []
    if (name === '') return index + 1
    given[name] = value
  }
  if (!hasBody(method) || body === '') return { method, path, headers: given }
  const hasType = Object.keys(given).some((name) => name.toLowerCase() === 'content-type')
  const type = asJson(body) === undefined ? 'text/plain; charset=utf-8' : 'application/json'
  return { method, path, headers: hasType ? given : { ...given, 'content-type': type }, body }
}

/** Text as it is to be read; a number: so many bytes that are none. */
export function readableBody({ body, bodyEncoding }: ProxyAnswer): string | number {
  if (bodyEncoding === 'base64') return bytesOfBase64(body)
  const value = asJson(body)
  const text = value === undefined ? body : JSON.stringify(value, undefined, 2)
  return text.length > maxShownChars ? `${text.slice(0, maxShownChars)}…` : text
}

function bytesOfBase64(text: string): number {
  return (text.length / 4) * 3 - (/=*$/.exec(text)?.[0].length ?? 0)
}

/** undefined: not JSON, or a bare word or number that reads the same anyway. */
function asJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
