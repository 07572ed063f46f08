/**
 * A simulated Control iD turnstile: its web UI and the calls that the UI and the driver
 * need. `GET /__simulator/state` counts what really happened; `POST /__simulator/faults` makes trouble, and `POST
 * /__simulator/person` is somebody with a card.
 */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Answer,
  type DeviceRequest,
  DeviceServer,
  type Fields,
  fieldsOf,
  type Handler,
  json,
  keepLast,
} from './device-server.ts'
import { deviceId, systemInformation, TurnstileConfiguration } from './turnstile-factory.ts'
import { type Turn, TurnstileLists } from './turnstile-lists.ts'
import { TurnstileMonitor } from './turnstile-monitor.ts'
import { turnstilePages } from './turnstile-pages.ts'
import { TurnstileSessions } from './turnstile-sessions.ts'

export type TurnstileOptions = {
  readonly port: number
  readonly login?: string
  readonly password?: string
}

/** What the device has done, for tests that compare it with the log. */
type TurnstileState = {
  readonly actions: ReadonlyArray<{ action: string; parameters: string; at: number }>
  readonly turns: { readonly left: number; readonly right: number }
  readonly arm: 'locked' | 'released'
}

type Faults = {
  slowMs?: number
  denied?: boolean
  hang?: boolean | 'commands'
  /** Nobody walks through: the arm locks again after `catra_timeout`. */
  giveUp?: boolean
  /** The answer to an action is lost after it was done. */
  cutAfterAction?: boolean
  /** Everything that it tells a server comes twice. */
  tellTwice?: boolean
  /** What happens is not told to the server. */
  mute?: boolean
  /** Its clock is so much ahead. */
  clockSeconds?: number
  rebootNow?: boolean
  /** Its lists are empty and their numbers begin anew. */
  eraseNow?: boolean
}

const actionsPath = '/execute_actions.fcgi'
const openedByApi = 10
const openedFromPage = 12
const gaveUp = 13
const denied = 6
const granted = 7
const passageMs = 1_500
const turns: readonly Turn[] = ['TURN_LEFT', 'TURN_RIGHT', 'GIVE_UP']
const open: ReadonlySet<string> = new Set([
  'login',
  'hidlogin',
  'session_is_valid',
  'get_language',
  'init_device_set',
])

export class Turnstile {
  readonly #server: DeviceServer
  readonly #sessions: TurnstileSessions
  readonly #actions: Array<{ action: string; parameters: string; at: number }> = []
  readonly #lists = new TurnstileLists(() => this.#seconds())
  readonly #configuration = new TurnstileConfiguration()
  readonly #monitor = new TurnstileMonitor(
    () => this.#configuration.of('monitor'),
    () => ({ access_logs: 0, device_id: deviceId, time: this.#seconds() }),
  )
  #turns = { left: 0, right: 0 }
  #arm: TurnstileState['arm'] = 'locked'
  #passage: NodeJS.Timeout | undefined
  #faults: Faults = {}

  constructor({ port, login = 'admin', password = 'admin' }: TurnstileOptions) {
    this.#sessions = new TurnstileSessions(login, password)
    const handle: Handler = (request, response) => this.#handle(request, response)
    this.#server = new DeviceServer(handle, { port })
  }

  async start(): Promise<{ url: string }> {
    return { url: await this.#server.start() }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#passage)
    this.#monitor.stop()
    await this.#server.stop()
  }

  get state(): TurnstileState {
    return { actions: [...this.#actions], turns: { ...this.#turns }, arm: this.#arm }
  }

  async #handle(request: DeviceRequest, response: ServerResponse): Promise<Answer | undefined> {
    const { pathname } = request.url
    if (pathname === '/__simulator/state') return json(this.state)
    if (pathname === '/__simulator/faults') return this.#setFaults(fieldsOf(request.body))
    if (pathname === '/__simulator/person') return this.#person(fieldsOf(request.body))
    const { hang } = this.#faults
    if (hang === true || (hang === 'commands' && pathname === actionsPath)) return undefined
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
    if (!open.has(command) && !this.#sessions.has(request))
      return json({ error: 'Invalid session' }, 401)
    switch (command) {
      case 'login':
      case 'hidlogin':
        return this.#signIn(request)
      case 'session_is_valid':
        return json({ session_is_valid: this.#sessions.has(request) })
      case 'logout':
        this.#sessions.signOut(request)
        return json({})
      case 'execute_actions':
        return this.#execute(fieldsOf(request.body), request)
      default:
        return this.#read(command, fieldsOf(request.body))
    }
  }

  #read(command: string, body: Fields): Answer | 'cut' {
    switch (command) {
      case 'get_language':
        return json({ language: 'en_US' })
      case 'init_device_set':
        return json({ init_device_set: true })
      case 'load_objects':
        return this.#lists.load(body)
      case 'get_configuration':
        return json(this.#configuration.read(body))
      case 'set_configuration':
        return this.#configure(body)
      case 'get_catra_info':
        return json(this.#counters())
      case 'system_information':
        return json({ ...systemInformation, time: this.#seconds() })
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

  #signIn(request: DeviceRequest): Answer {
    const session = this.#sessions.signIn(request)
    return session === undefined
      ? json({ error: 'Invalid user or password' }, 401)
      : json({ session })
  }

  #execute(body: Fields, request: DeviceRequest): Answer | 'cut' {
    const wanted = Array.isArray(body['actions']) ? (body['actions'] as Fields[]) : []
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
    const releaseMs = Number(this.#configuration.of('general')['catra_timeout'])
    const inMs = turn === 'GIVE_UP' ? releaseMs : Math.min(passageMs, releaseMs)
    this.#passage = setTimeout(() => this.#turned(turn), inMs)
  }

  #turned(type: Turn): void {
    this.#arm = 'locked'
    if (type === 'TURN_LEFT') this.#turns.left += 1
    if (type === 'TURN_RIGHT') this.#turns.right += 1
    if (type === 'GIVE_UP') this.#log(gaveUp)
    const { id } = this.#lists.addEvent(type)
    const time = this.#seconds()
    const event = {
      type: 7,
      name: type.replace('_', ' '),
      time,
      uuid: randomBytes(4).toString('hex'),
    }
    const isInformed = this.#configuration.of('monitor')['inform_access_event_id'] === '1'
    const ids = isInformed ? { access_event_id: id } : {}
    this.#tell('catra_event', { event, ...ids, device_id: deviceId, time })
  }

  /** With a card: let in and through, or denied; or let in and then nobody turns. */
  #person({ userId, turn, isDenied }: Fields): Answer {
    this.#log(isDenied === true ? denied : granted, Number(userId ?? 1))
    if (isDenied !== true) this.#turned(turns.find((one) => one === turn) ?? 'TURN_RIGHT')
    return json({})
  }

  #configure(body: Fields): Answer {
    if (!this.#configuration.write(body)) return json({ error: 'Invalid value' }, 400)
    if ('monitor' in body) this.#monitor.start()
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

  #log(event: number, userId = 0): void {
    const row = this.#lists.addLog(event, userId)
    // In what it tells every value is a text, in `load_objects` a number.
    const values = Object.fromEntries(Object.entries(row).map(([name, one]) => [name, `${one}`]))
    const changes = [{ object: 'access_logs', type: 'inserted', values }]
    this.#tell('dao', { object_changes: changes, device_id: deviceId })
  }

  #tell(name: string, body: object): void {
    if (this.#faults.mute) return
    this.#monitor.tell(name, body)
    if (this.#faults.tellTwice) this.#monitor.tell(name, body)
  }

  #seconds(): number {
    return Math.floor(Date.now() / 1000) + (this.#faults.clockSeconds ?? 0)
  }

  #setFaults(faults: Fields): Answer {
    const { rebootNow, eraseNow, ...others } = faults as Faults
    this.#faults = others
    if (rebootNow) this.#reboot()
    if (eraseNow) this.#lists.erase()
    return json(others)
  }

  #reboot(): void {
    this.#sessions.forget()
    const mode = { mode: 0, mode_name: 'DEFAULT', time: this.#seconds(), last_offline: 0 }
    this.#tell('operation_mode', { operation_mode: mode, device_id: deviceId })
  }
}

export function createTurnstile(options: TurnstileOptions): Turnstile {
  return new Turnstile(options)
}
