/** The HTTP API as a client has it, and what is asked of it most. */
import { type CommandStatus, isTerminal } from '@travessia/schemas/commands'
import { eventually } from './eventually.ts'

const demoPassword = 'travessia-demo'

type Answer<T = Record<string, unknown>> = {
  readonly status: number
  readonly body: T
  readonly headers: Headers
}

/** The HTTP API as somebody. */
export class Api {
  readonly #httpUrl: string
  token: string | undefined

  constructor(httpUrl: string) {
    this.#httpUrl = httpUrl
  }

  async signIn(email: string, password = demoPassword): Promise<this> {
    const fields = { email, password }
    const { status, body } = await this.call<{ token: string }>('POST', '/api/auth/login', fields)
    if (status !== 200) throw new Error(`sign in as ${email}: ${status} ${JSON.stringify(body)}`)
    this.token = body.token
    return this
  }

  /** A node that is late looks at nothing, and says so: then the same again is no second one. */
  call<T = Record<string, unknown>>(
    ...asked: readonly [
      method: string,
      path: string,
      body?: unknown,
      headers?: Readonly<Record<string, string>>,
    ]
  ): Promise<Answer<T>> {
    const ask = async () => {
      const answer = await this.#ask(...asked)
      const isBusy = (answer.body as { code?: unknown } | null)?.code === 'NODE_BUSY'
      return !isBusy && (answer as Answer<T>)
    }
    return eventually(ask, { what: 'an answer of a node that is not busy' })
  }

  async #ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<unknown>> {
    const response = await fetch(this.#httpUrl + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, body: parse(text), headers: response.headers }
  }

  async get<T>(path: string): Promise<T> {
    return (await this.call<T>('GET', path)).body
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export type Item = { readonly id: string; readonly name: string } & Record<string, unknown>

/** The device of the demo with this name part. */
export async function deviceNamed(api: Api, part: string): Promise<Item> {
  for (const site of (await api.get<{ items: Item[] }>('/api/installations')).items) {
    const { items } = await api.get<{ items: Item[] }>(`/api/installations/${site.id}/devices`)
    const device = items.find(({ name }) => name.includes(part))
    if (device) return device
  }
  throw new Error(`no device named ${part}`)
}

/** All facts of the reader's log that match, oldest first. */
export async function factsOf(
  auditor: Api,
  query = '',
): Promise<
  Array<
    { type: string; streamId: string; data: Record<string, unknown>; summary: string } & Record<
      string,
      unknown
    >
  >
> {
  const { items } = await auditor.get<{ items: Array<Record<string, unknown>> }>(
    `/api/audit/events?limit=200${query}`,
  )
  return items.toReversed() as never
}

export type EndedCommand = {
  readonly id: string
  readonly status: CommandStatus
  readonly errorCode: string | null
  readonly confirmed: boolean | null
  readonly file: string | null
}

/** The command, once it has come to its end. */
export function endOfCommand(
  api: Api,
  commandId: string,
  withinMs = 30_000,
): Promise<EndedCommand> {
  return eventually(
    async () => {
      const command = await api.get<EndedCommand>(`/api/commands/${commandId}`)
      return isTerminal(command.status) && command
    },
    { withinMs, what: `an end of command ${commandId}` },
  )
}

/** Requests of these facts without an end: it is written after the answer, once the copies of both are kept. */
export function unended(facts: Awaited<ReturnType<typeof factsOf>>): unknown[] {
  const idsOf = (...types: string[]) =>
    facts.flatMap(({ type, data }) => (types.includes(type) ? [data['requestId']] : []))
  const ended = new Set(idsOf('HttpResponseReceived', 'HttpExchangeFailed'))
  return idsOf('HttpRequestForwarded').filter((id) => !ended.has(id))
}
