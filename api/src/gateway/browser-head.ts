/**
 * The header fields of a browser's request, looked at once: a browser says the same again and again, and what is found
 * out here depends on nothing but their text. Whether the session still is one, and the cookie its cookie, is asked
 * each time.
 */
import type { IncomingMessage } from 'node:http'
import type { CookieJar } from '@travessia/schemas/cookie-jar'
import { redactHeaders } from '@travessia/schemas/redact'
import { hashOf } from '../identity/secret.ts'
import { cookieValue } from './cookies.ts'
import { headerOf, requestHeaders } from './headers.ts'
import { hostnameOf, type PublicView } from './public-address.ts'
import { type HeadProblem, headProblemOf } from './request-checks.ts'

const maxKnown = 512
/** Of longer ones no copy is kept. */
const maxKnownChars = 4 * 1024
const known = new Map<string, BrowserHead>()

type ForDevice = {
  readonly view: PublicView
  readonly isRewritten: boolean
  readonly headers: readonly string[]
}

export class BrowserHead {
  readonly problem: HeadProblem | undefined
  /** That `Host` names. */
  readonly hostname: string
  readonly #raw: readonly string[]
  #redacted: string[] | undefined
  #cookie: { readonly name: string; readonly hash: string | undefined } | undefined
  #forDevice: ForDevice | undefined

  constructor(raw: readonly string[], httpVersion: string) {
    this.#raw = raw
    this.problem = headProblemOf(raw, httpVersion)
    this.hostname = hostnameOf(headerOf(raw, 'host') ?? '')
  }

  /** As the log may hold them. */
  get redacted(): string[] {
    this.#redacted ??= redactHeaders(this.#raw)
    return this.#redacted
  }

  /** Of the cookie of this name; undefined: there is none. */
  cookieHash(name: string, header: string | undefined): string | undefined {
    if (this.#cookie?.name === name) return this.#cookie.hash
    const value = cookieValue(header, name)
    this.#cookie = { name, hash: value === undefined ? undefined : hashOf(value) }
    return this.#cookie.hash
  }

  /** What the device is sent of them. */
  forDevice(view: PublicView, jar: CookieJar, isRewritten: boolean): readonly string[] {
    const last = this.#forDevice
    if (last?.view === view && last.isRewritten === isRewritten && jar.isEmpty) return last.headers
    const headers = requestHeaders(this.#raw, { view, jar, isRewritten })
    if (jar.isEmpty) this.#forDevice = { view, isRewritten, headers }
    return headers
  }
}

export function browserHeadOf({ rawHeaders, httpVersion }: IncomingMessage): BrowserHead {
  // No field holds a line break: the parser ends there.
  const text = `${httpVersion}\n${rawHeaders.join('\n')}`
  const seen = known.get(text)
  if (seen) return seen
  const head = new BrowserHead(rawHeaders, httpVersion)
  if (known.size >= maxKnown) known.clear()
  if (text.length <= maxKnownChars) known.set(text, head)
  return head
}
