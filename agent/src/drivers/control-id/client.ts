/**
 * The HTTP of Control iD access controllers: `POST /{command}.fcgi`, session in the query.
 * One session per device; a 401 proves that the call was refused before execution, so it may be repeated
 * once after a new login. The session is a secret: it never appears in an error or a log.
 */
import type { Credentials } from '@travessia/schemas/devices'
import type { CommandContext, DeviceFetch } from '../driver.ts'
import { beforeCommand, refusalOf } from '../refusal.ts'

export type Answer = Awaited<ReturnType<DeviceFetch>>

export class ControlIdClient {
  readonly #fetch: DeviceFetch
  readonly #credentials: Credentials
  #session: string | undefined
  #signingIn: Promise<string> | undefined

  constructor(fetch: DeviceFetch, credentials: Credentials) {
    this.#fetch = fetch
    this.#credentials = credentials
  }

  /** @param body sent as JSON; a text is JSON already. @throws NotDone: no session, so it was not sent; and what `DeviceFetch` throws */
  async call(command: string, body: unknown, context: CommandContext): Promise<Answer> {
    const known = this.#session
    const first = await this.#post(command, body, context, known ?? (await this.#login(context)))
    if (first.status !== 401) return first
    this.#session = undefined
    if (known === undefined) return first
    return this.#post(command, body, context, await this.#login(context))
  }

  /** Any answer. Without a session there is nothing to ask: the sign-in comes before the command, and is answered. */
  async greet(context: CommandContext): Promise<void> {
    if (this.#session !== undefined)
      await this.#post('session_is_valid', {}, context, this.#session)
  }

  /** For the device's page. One login at a time, however many ask. @throws as `call` */
  async session(context: CommandContext, refused?: string): Promise<string> {
    if (refused !== undefined && this.#session === refused) this.#session = undefined
    if (this.#session !== undefined) return this.#session
    this.#signingIn ??= this.#login(context).finally(() => {
      this.#signingIn = undefined
    })
    return this.#signingIn
  }

  async #login(context: CommandContext): Promise<string> {
    const { status, body } = await this.#post('login', this.#credentials, context).catch(
      (error: unknown) => {
        throw beforeCommand(error)
      },
    )
    const session = status === 200 ? sessionOf(body) : undefined
    if (session === undefined) throw refusalOf(status)
    this.#session = session
    return session
  }

  async #post(
    command: string,
    body: unknown,
    context: CommandContext,
    session?: string,
  ): Promise<Answer> {
    const query = session === undefined ? '' : `?session=${encodeURIComponent(session)}`
    return this.#fetch({
      ...{ method: 'POST', path: `/${command}.fcgi${query}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      startWithinMs: context.startWithinMs,
      signal: context.signal,
    })
  }
}

function sessionOf(body: string): string | undefined {
  try {
    const { session } = JSON.parse(body) as { session?: unknown }
    return typeof session === 'string' && session !== '' ? session : undefined
  } catch {
    return undefined
  }
}
