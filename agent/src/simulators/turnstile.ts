/**
 * A simulated Control iD turnstile (DEVICES 1.2-1.6, 1.10-1.11): its web UI and the calls that the UI and the
 * driver need. `GET /__simulator/state` counts what really happened; `POST /__simulator/faults` makes trouble.
 */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Answer,
  type DeviceRequest,
  DeviceServer,
  type Handler,
  json,
  keepLast,
} from './device-server.ts'
import { deviceId, factoryConfiguration, systemInformation } from './turnstile-factory.ts'
import { turnstilePages } from './turnstile-pages.ts'

export type TurnstileOptions = {
  readonly port: number
  readonly host?: string
  readonly login?: string
  readonly password?: string
}

/** What the device has done, for tests that compare it with the log. */
export type TurnstileState = {
  readonly actions: ReadonlyArray<{ action: string; parameters: string; at: number }>
  readonly turns: { readonly left: number; readonly right: number }
  readonly arm: 'locked' | 'released'
}

type Faults = {
  slowMs?: number
  denied?: boolean
  hang?: boolean
  /** Nobody walks through: the arm locks again after `catra_timeout`. */
  giveUp?: boolean
  /** The answer to an action is lost after it was done. */
  cutAfterAction?: boolean
  rebootNow?: boolean
}
type Log = Readonly<Record<string, number>>
type Turn = 'TURN_LEFT' | 'TURN_RIGHT' | 'GIVE_UP'
type Body = Readonly<Record<string, unknown>>

const openedByApi = 10
const openedFromPage = 12
const gaveUp = 13
const passageMs = 1_500
const maxSessions = 20
const open: ReadonlySet<string> = new Set([
  'login',
  'hidlogin',
  'session_is_valid',
  'get_language',
  'init_device_set',
])

export class Turnstile {
  readonly #server: DeviceServer
  readonly #login: string
  readonly #password: string
  readonly #sessions: string[] = []
  readonly #actions: Array<{ action: string; parameters: string; at: number }> = []
  readonly #logs: Log[] = []
  readonly #events: object[] = []
  readonly #configuration = factoryConfiguration()
  #turns = { left: 0, right: 0 }
  #arm: TurnstileState['arm'] = 'locked'
  #passage: NodeJS.Timeout | undefined
  #nextEventId = 1
  #faults: Faults = {}

  constructor({ port, host, login = 'admin', password = 'admin' }: TurnstileOptions) {
    this.#login = login
    this.#password = password
    const handle: Handler = (request, response) => this.#handle(request, response)
    this.#server = new DeviceServer(handle, { port, ...(host === undefined ? {} : { host }) })
  }

  async start(): Promise<{ url: string }> {
    return { url: await this.#server.start() }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#passage)
    await this.#server.stop()
  }

  get state(): TurnstileState {
    return { actions: [...this.#actions], turns: { ...this.#turns }, arm: this.#arm }
  }

  async #handle(request: DeviceRequest, response: ServerResponse): Promise<Answer | undefined> {
    const { pathname } = request.url
    if (pathname === '/__simulator/state') return json(this.state)
    if (pathname === '/__simulator/faults') return this.#setFaults(parse(request.body))
    if (this.#faults.hang) return undefined
    await sleep(this.#faults.slowMs ?? 0)
    const page = turnstilePages[pathname]
    if (page && request.method !== 'POST') return page
    const command = /^\/(\w+)\.fcgi$/.exec(pathname)?.[1]
    if (command === undefined) return json({ error: 'Not found' }, 404)
    const answer = this.#command(command, request)
    if (answer !== 'cut') return answer
    response.destroy()
    return undefined
  }

  #command(command: string, request: DeviceRequest): Answer | 'cut' {
    const session = sessionOf(request)
    if (!open.has(command) && !this.#sessions.includes(session))
      return json({ error: 'Invalid session' }, 401)
    switch (command) {
      case 'login':
      case 'hidlogin':
        return this.#signIn(request)
      case 'session_is_valid':
        return json({ session_is_valid: this.#sessions.includes(session) })
      case 'logout':
        this.#sessions.splice(this.#sessions.indexOf(session), 1)
        return json({})
      case 'execute_actions':
        return this.#execute(parse(request.body), request)
      default:
        return this.#read(command, parse(request.body))
    }
  }

  #read(command: string, body: Body): Answer | 'cut' {
    switch (command) {
      case 'get_language':
        return json({ language: 'en_US' })
      case 'init_device_set':
        return json({ init_device_set: true })
      case 'load_objects':
        return this.#load(body)
      case 'get_configuration':
        return json(this.#configurationOf(body))
      case 'set_configuration':
        return this.#configure(body)
      case 'get_catra_info':
        return json(this.#counters())
      case 'system_information':
        return json(systemInformation)
      case 'message_to_screen':
        return this.#did('message_to_screen', String(body['message']))
      case 'buzzer_buzz':
        return json({})
      case 'reboot':
        this.#reboot()
        return this.#did('reboot', '')
      default:
        return json({ error: 'Command not found' }, 404)
    }
  }

  /** JSON from programs, a form from the page. */
  #signIn({ body, headers }: DeviceRequest): Answer {
    const isForm = headers['content-type']?.includes('form-urlencoded')
    const given = isForm ? Object.fromEntries(new URLSearchParams(body)) : parse(body)
    if (given['login'] !== this.#login || given['password'] !== this.#password)
      return json({ error: 'Invalid user or password' }, 401)
    const session = randomBytes(18).toString('base64url')
    keepLast(this.#sessions, session, maxSessions)
    return json({ session })
  }

  #execute(body: Body, request: DeviceRequest): Answer | 'cut' {
    const wanted = Array.isArray(body['actions']) ? (body['actions'] as Body[]) : []
    if (wanted.length === 0) return json({ error: 'Missing actions' }, 400)
    if (this.#faults.denied) return json({ actions: wanted.map(() => ({ status: 'denied' })) })
    for (const { action, parameters } of wanted) {
      const done = { action: String(action), parameters: String(parameters), at: Date.now() }
      keepLast(this.#actions, done)
      if (action === 'catra') this.#release(done.parameters)
    }
    this.#log(request.headers.cookie ? openedFromPage : openedByApi)
    return this.#faults.cutAfterAction ? 'cut' : {}
  }

  #did(action: string, parameters: string): Answer | 'cut' {
    keepLast(this.#actions, { action, parameters, at: Date.now() })
    return this.#faults.cutAfterAction ? 'cut' : json({})
  }

  /** Somebody walks through a moment later, or gives up. */
  #release(parameters: string): void {
    this.#arm = 'released'
    clearTimeout(this.#passage)
    const isLeft = parameters.includes('anticlockwise')
    const turn = this.#faults.giveUp ? 'GIVE_UP' : isLeft ? 'TURN_LEFT' : 'TURN_RIGHT'
    const releaseMs = Number(this.#configuration['general']?.['catra_timeout'])
    const inMs = turn === 'GIVE_UP' ? releaseMs : Math.min(passageMs, releaseMs)
    this.#passage = setTimeout(() => this.#turned(turn), inMs)
  }

  #turned(type: Turn): void {
    this.#arm = 'locked'
    if (type === 'TURN_LEFT') this.#turns.left += 1
    if (type === 'TURN_RIGHT') this.#turns.right += 1
    if (type === 'GIVE_UP') this.#log(gaveUp)
    const id = this.#nextEventId
    this.#nextEventId += 1
    const timestamp = Math.floor(Date.now() / 1000)
    keepLast(this.#events, {
      id,
      event: 'catra',
      type,
      identification: '',
      device_id: deviceId,
      timestamp,
    })
  }

  #load({ object, limit, offset, order }: Body): Answer {
    const rows: Readonly<Record<string, readonly object[]>> = {
      access_logs: this.#logs,
      users: [{ id: 1, name: 'Ana', registration: '1001', begin_time: 0, end_time: 0 }],
      access_events: this.#events,
    }
    const all = [...(rows[String(object)] ?? [])]
    if (Array.isArray(order) && order[1] === 'descending') all.reverse()
    const first = Number(offset ?? 0)
    return json({ [String(object)]: all.slice(first, first + Number(limit ?? 500)) })
  }

  #configurationOf(body: Body): Record<string, Record<string, string>> {
    const pick = (section: string, names: unknown) =>
      Object.entries(this.#configuration[section] ?? {}).filter(
        ([name]) => !Array.isArray(names) || names.includes(name),
      )
    return Object.fromEntries(
      Object.entries(body).map(([section, names]) => [
        section,
        Object.fromEntries(pick(section, names)),
      ]),
    )
  }

  /** Every value is a text, also numbers and booleans (DEVICES 1.1). */
  #configure(body: Body): Answer {
    const isText = (values: unknown) =>
      typeof values === 'object' &&
      values !== null &&
      Object.values(values).every((value) => typeof value === 'string')
    if (!Object.values(body).every(isText)) return json({ error: 'Invalid value' }, 400)
    for (const [section, values] of Object.entries(body) as Array<[string, Record<string, string>]>)
      this.#configuration[section] = { ...this.#configuration[section], ...values }
    return json({})
  }

  #counters() {
    const { left, right } = this.#turns
    return {
      left_turns: left,
      right_turns: right,
      entrance_turns: right,
      exit_turns: left,
      arm: this.#arm,
    }
  }

  #log(event: number): void {
    const id = (this.#logs.at(-1)?.['id'] ?? 0) + 1
    const time = Math.floor(Date.now() / 1000)
    keepLast(this.#logs, { id, time, event, device_id: deviceId, user_id: 0, portal_id: 1 })
  }

  #setFaults(faults: Body): Answer {
    const { rebootNow, ...others } = faults as Faults
    this.#faults = others
    if (rebootNow) this.#reboot()
    return json(others)
  }

  #reboot(): void {
    this.#sessions.length = 0
  }
}

export function createTurnstile(options: TurnstileOptions): Turnstile {
  return new Turnstile(options)
}

function sessionOf({ url, headers }: DeviceRequest): string {
  const cookie = /(?:^|;\s*)session=([^;]+)/.exec(headers.cookie ?? '')?.[1]
  return url.searchParams.get('session') ?? cookie ?? ''
}

function parse(text: string): Body {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Body) : {}
  } catch {
    return {}
  }
}
