/** Who is signed in at the simulated turnstile. */
import { randomBytes } from 'node:crypto'
import { type DeviceRequest, fieldsOf, keepLast } from './device-server.ts'

const maxSessions = 20

export class TurnstileSessions {
  readonly #login: string
  readonly #password: string
  readonly #keys: string[] = []

  constructor(login: string, password: string) {
    this.#login = login
    this.#password = password
  }

  /** JSON from programs, a form from the page. @returns the key of the session; undefined: another user or password */
  signIn({ body, headers }: DeviceRequest): string | undefined {
    const isForm = headers['content-type']?.includes('form-urlencoded')
    const given = isForm ? Object.fromEntries(new URLSearchParams(body)) : fieldsOf(body)
    if (given['login'] !== this.#login || given['password'] !== this.#password) return undefined
    const key = randomBytes(18).toString('base64url')
    keepLast(this.#keys, key, maxSessions)
    return key
  }

  has(request: DeviceRequest): boolean {
    return this.#keys.includes(keyOf(request))
  }

  signOut(request: DeviceRequest): void {
    this.#keys.splice(this.#keys.indexOf(keyOf(request)), 1)
  }

  forget(): void {
    this.#keys.length = 0
  }
}

function keyOf({ url, headers }: DeviceRequest): string {
  const cookie = /(?:^|;\s*)session=([^;]+)/.exec(headers.cookie ?? '')?.[1]
  return url.searchParams.get('session') ?? cookie ?? ''
}
