/**
 * The agent signs in to a device's own page, so that nobody sees the password (ADR 10). What a driver gives is put
 * on each request in place of the browser's own, made anew when the device refuses it, and kept out of every answer.
 */
import { CookieJar } from '@travessia/schemas/cookie-jar'
import { TravessiaError } from '@travessia/schemas/errors'
import { putNewest } from '@travessia/schemas/newest'
import type { RequestHead } from '@travessia/schemas/tunnel-head'
import type { Driver, SignIn } from './drivers/driver.ts'
import { type Mask, maskOf } from './secret-mask.ts'

/** After a refusal the device is left alone for so long: it may count wrong passwords. */
const usualPauseMs = 10_000

/** The session that was used last stays longest. */
const maxSessions = 64

type Make = NonNullable<Driver['signIn']>

/** Heads and bodies of one request and its answer, signed in. */
export type Signed = {
  readonly made: SignIn
  readonly mask: Mask
  readonly request: (head: RequestHead) => string[]
  readonly answer: (headers: readonly string[]) => string[]
}

/**
 * Signs the requests of one session in. `refused`: the device answered 401 to that, with a `challenge`; the same is
 * `made` again when there is nothing to make anew.
 * @throws TravessiaError DEVICE_SIGN_IN_REFUSED, and why the device was not reached
 */
export type Signer = (refused?: Signed, challenge?: string) => Promise<Signed>

export class PageSigner {
  readonly #make: Make
  readonly #pauseMs: number
  readonly #jars = new Map<string, CookieJar>()
  #refusal: { readonly at: number; readonly error: unknown } | undefined

  /** @param make what the driver signs in with; `refused`: the device did not take that any more */
  constructor(make: Make, pauseMs = usualPauseMs) {
    this.#make = make
    this.#pauseMs = pauseMs
  }

  of(sessionId: string): Signer {
    const jar = this.#jars.get(sessionId) ?? new CookieJar()
    putNewest(this.#jars, [sessionId, jar], maxSessions)
    return async (refused, challenge) => {
      const made = await this.#signIn(refused?.made, challenge)
      const mask = maskOf(made)
      return {
        ...{ made, mask, request: (head) => signedHeaders(head, made, jar) },
        answer: (headers) => hiddenHeaders(headers, { made, mask, jar }),
      }
    }
  }

  async #signIn(refused?: SignIn, challenge?: string): Promise<SignIn> {
    const known = this.#refusal
    if (known && performance.now() - known.at < this.#pauseMs) throw known.error
    try {
      return await this.#make(refused, challenge)
    } catch (error) {
      const isRefusal = error instanceof TravessiaError && error.code === 'DEVICE_SIGN_IN_REFUSED'
      if (isRefusal) this.#refusal = { at: performance.now(), error }
      throw error
    }
  }
}

/**
 * The page's headers with the agent's sign-in in place of its own. Answers are asked for as they are, since a secret
 * cannot be found in a compressed one.
 */
function signedHeaders(head: RequestHead, { headers, cookie }: SignIn, jar: CookieJar): string[] {
  const put = { ...headers?.(head), 'accept-encoding': 'identity' }
  const own = new Set(Object.keys(put))
  const kept: string[] = []
  const cookies: string[] = []
  for (const [name, value] of pairs(head.headers)) {
    if (own.has(name.toLowerCase())) continue
    if (name.toLowerCase() === 'cookie') cookies.push(...value.split(/;\s*/))
    else kept.push(name, value)
  }
  const others = [...cookies, ...jar.pairs()].filter(
    (pair) => pair !== '' && nameOf(pair) !== cookie?.name,
  )
  if (cookie) others.push(`${cookie.name}=${cookie.value}`)
  if (others.length > 0) kept.push('cookie', others.join('; '))
  return [...kept, ...Object.entries(put).flat()]
}

/**
 * The answer's headers without its secrets. A cookie that holds one is dropped, and one that scripts cannot read stays
 * in the jar: it may be a session that the device made of the agent's sign-in.
 */
function hiddenHeaders(
  flat: readonly string[],
  { made, mask, jar }: { made: SignIn; mask: Mask; jar: CookieJar },
): string[] {
  return pairs(flat)
    .filter(([name, value]) => name.toLowerCase() !== 'set-cookie' || isForBrowser(value))
    .flatMap(([name, value]) => [name, mask.text(value)])

  function isForBrowser(text: string): boolean {
    const [pair = '', ...attributes] = text.split(';').map((part) => part.trim())
    const isOwn = nameOf(pair) === made.cookie?.name
    if (isOwn || !pair.includes('=') || mask.text(text) !== text) return false
    if (!attributes.some((attribute) => /^httponly$/i.test(attribute))) return true
    jar.set(pair, attributes)
    return false
  }
}

function pairs(flat: readonly string[]): Array<[string, string]> {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])) as Array<
    [string, string]
  >
}

function nameOf(cookie: string): string {
  return (cookie.split('=', 1)[0] ?? '').trim()
}
