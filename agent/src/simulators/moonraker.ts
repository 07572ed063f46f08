/**
 * A simulated Moonraker with Klipper: the same calls over HTTP and over JSON-RPC on `/websocket`, which
 * also tells what changes. `GET /__simulator/state` counts what was really done; `POST /__simulator/faults` makes trouble.
 */
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  type Answer,
  type DeviceRequest,
  DeviceServer,
  type Fields,
  fieldsOf,
  html,
  json,
  record,
} from './device-server.ts'
import * as answers from './moonraker-answers.ts'
import { moonrakerPage } from './moonraker-page.ts'
import { takeUpload } from './moonraker-upload.ts'
import { type MachineOptions, PrintingMachine } from './printing-machine.ts'
import { maxUploadBytes } from './upload-form.ts'

export type MoonrakerOptions = MachineOptions & {
  readonly port: number
  /** Without it every client is a trusted one. */
  readonly apiKey?: string
}

type Faults = {
  slowMs?: number
  /** Takes calls, does nothing, never answers; `commands`: only what would change something. */
  hang?: boolean | 'commands'
  /** Klipper refuses every command. */
  denied?: boolean
  keyRefused?: boolean
  cutAfterAction?: boolean
  /** Commands are accepted at once and done after this time. */
  lagMs?: number
  klippy?: answers.KlippyState
  dropSocketsNow?: boolean
}
type Client = { wanted?: Fields; said: Record<string, Fields>; isKnown: boolean }

const updateMs = 250
const actions: ReadonlySet<string> = new Set([
  ...['printer.print.start', 'printer.print.pause', 'printer.print.resume', 'printer.print.cancel'],
  ...['printer.emergency_stop', 'printer.firmware_restart', 'printer.restart'],
  'printer.gcode.script',
])

class Moonraker {
  readonly machine: PrintingMachine
  readonly #server: DeviceServer
  readonly #sockets: WebSocketServer
  readonly #clients = new Map<WebSocket, Client>()
  readonly #apiKey: string | undefined
  readonly #lags = new Set<NodeJS.Timeout>()
  #updates: NodeJS.Timeout | undefined
  #klippy: answers.KlippyState = 'ready'
  #faults: Faults = {}

  constructor({ port, apiKey, ...machine }: MoonrakerOptions) {
    this.machine = new PrintingMachine(machine)
    this.#apiKey = apiKey
    this.#server = new DeviceServer((request, response) => this.#handle(request, response), {
      port,
      maxBodyBytes: maxUploadBytes,
    })
    this.#sockets = new WebSocketServer({
      ...{ server: this.#server.server, path: '/websocket', maxPayload: 1024 * 1024 },
    })
    this.#sockets.on('connection', (socket) => this.#connected(socket))
  }

  async start(): Promise<{ url: string }> {
    this.#updates = setInterval(() => this.#update(), updateMs)
    return { url: await this.#server.start() }
  }

  async stop(): Promise<void> {
    clearInterval(this.#updates)
    for (const lag of this.#lags) clearTimeout(lag)
    for (const socket of this.#clients.keys()) socket.terminate()
    await this.#server.stop()
  }

  /** WebSocket connections that are open now. */
  get connections(): number {
    return this.#clients.size
  }

  #setFaults({ klippy, dropSocketsNow, ...faults }: Faults): void {
    this.#faults = faults
    if (klippy) this.#setKlippy(klippy)
    if (dropSocketsNow) for (const socket of this.#clients.keys()) socket.terminate()
  }

  #setKlippy(state: answers.KlippyState): void {
    if (state === this.#klippy) return
    this.#klippy = state
    const isTold = state === 'ready' || state === 'shutdown' || state === 'disconnected'
    if (isTold) this.#notify(`notify_klippy_${state}`)
  }

  async #handle(request: DeviceRequest, response: ServerResponse): Promise<Answer | undefined> {
    const { url, method, headers, body } = request
    if (url.pathname === '/__simulator/state')
      return json({ ...this.machine.state, connections: this.connections })
    if (url.pathname === '/__simulator/faults') {
      this.#setFaults(fieldsOf(body) as Faults)
      return json(this.#faults)
    }
    if (url.pathname === '/') return html(moonrakerPage)
    const name = url.pathname.slice(1).replaceAll('/', '.')
    if (actions.has(name) && method !== 'POST')
      return answers.failure(new answers.RpcFault(405, 'Not allowed'))
    const isKnown = this.#isKey(headers['x-api-key'])
    if (url.pathname === '/server/files/upload') return this.#upload(request, response, isKnown)
    try {
      const params = { ...paramsOf(name, url.searchParams), ...fieldsOf(body) }
      const result = await this.#call(name, params, isKnown)
      if (result === 'cut') response.destroy()
      return result === undefined || result === 'cut' ? undefined : json({ result })
    } catch (error) {
      return answers.failure(error)
    }
  }

  async #upload(
    request: DeviceRequest,
    response: ServerResponse,
    isKnown: boolean,
  ): Promise<Answer | undefined> {
    const { machine } = this
    const answer = await takeUpload(request, { machine, faults: this.#faults, isKnown })
    if (answer?.status !== 201) return answer
    this.#notify('notify_filelist_changed')
    if (!this.#faults.cutAfterAction) return answer
    response.destroy()
    return undefined
  }

  #connected(socket: WebSocket): void {
    const client: Client = { said: {}, isKnown: this.#apiKey === undefined }
    this.#clients.set(socket, client)
    socket.on('close', () => this.#clients.delete(socket))
    socket.on('error', () => undefined)
    socket.on('message', (data) => {
      const { id = null, method, params } = fieldsOf(String(data))
      const say = (answer: object) => socket.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
      this.#clientCall(client, String(method), record(params)).then(
        (result) => {
          if (result === 'cut') socket.terminate()
          else if (result !== undefined) say({ result })
        },
        (error: unknown) => say({ error: answers.rpcErrorOf(error) }),
      )
    })
  }

  async #clientCall(client: Client, method: string, params: Fields): Promise<unknown> {
    if (method === 'server.connection.identify') {
      if (this.#faults.hang === true) return undefined
      const key = params['api_key']
      if (key !== undefined && !this.#isKey(key)) throw new answers.RpcFault(401, 'Unauthorized')
      client.isKnown ||= this.#isKey(key)
      return { connection_id: this.#clients.size }
    }
    const result = await this.#call(method, params, client.isKnown)
    if (method !== 'printer.objects.subscribe' || result === undefined) return result
    client.wanted = record(params['objects'])
    client.said = record(record(result)['status']) as Record<string, Fields>
    return result
  }

  /** undefined: never answered. */
  async #call(name: string, params: Fields, isKnown: boolean): Promise<unknown> {
    const isAction = actions.has(name)
    const { hang, slowMs, denied, cutAfterAction, keyRefused } = this.#faults
    if (hang === true || (hang === 'commands' && isAction)) return undefined
    await sleep(slowMs ?? 0)
    if (keyRefused || !isKnown) throw new answers.RpcFault(401, 'Unauthorized')
    if (!isAction) return this.#read(name, params)
    if (this.#klippy === 'disconnected')
      throw new answers.RpcFault(503, 'Klippy Host not connected')
    if (denied) throw new answers.RpcFault(400, 'Must home axis first')
    this.#act(name, params)
    return cutAfterAction ? 'cut' : 'ok'
  }

  #read(name: string, params: Fields): unknown {
    switch (name) {
      case 'server.info':
        return answers.serverInfo(this.#klippy, this.connections)
      case 'server.files.list':
        return answers.fileList(this.machine)
      case 'printer.info':
        this.#requireKlippy()
        return answers.printerInfo(this.#klippy)
      case 'printer.objects.query':
      case 'printer.objects.subscribe':
        this.#requireKlippy()
        return { eventtime: performance.now() / 1000, status: this.#objects(params['objects']) }
      default:
        throw new answers.RpcFault(404, 'Not Found')
    }
  }

  /** As the real one: the pause of a pause is "ok", and nothing happens. */
  #act(name: string, params: Fields): void {
    const { machine } = this
    if (name === 'printer.emergency_stop') {
      machine.emergencyStop()
      return this.#setKlippy('shutdown')
    }
    if (name === 'printer.firmware_restart' || name === 'printer.restart') {
      machine.restart()
      return this.#setKlippy('ready')
    }
    if (this.#klippy !== 'ready') throw new answers.RpcFault(400, 'Printer is not ready')
    switch (name) {
      case 'printer.print.start':
        return this.#start(String(params['filename']))
      case 'printer.print.pause':
        return this.#later(() => machine.pause())
      case 'printer.print.resume':
        return this.#later(() => machine.resume())
      case 'printer.print.cancel':
        return this.#later(() => machine.cancel())
      default:
        return this.#gcode(String(params['script']))
    }
  }

  #start(file: string): void {
    if (this.machine.isActive) throw new answers.RpcFault(400, 'SD busy')
    if (!this.machine.files.has(file)) throw new answers.RpcFault(400, 'Unable to open file')
    this.#later(() => this.machine.start(file))
  }

  #gcode(script: string): void {
    const match = /^M(104|140) S(\d+(?:\.\d+)?)$/.exec(script)
    if (!match) throw new answers.RpcFault(400, `Unknown command:"${script.slice(0, 40)}"`)
    const heater = match[1] === '104' ? 'nozzle' : 'bed'
    this.#later(() => this.machine.setTarget(heater, Number(match[2])))
  }

  #later(act: () => unknown): void {
    const { lagMs } = this.#faults
    if (lagMs === undefined) act()
    else this.#lags.add(setTimeout(act, lagMs))
  }

  #objects(wanted: unknown): Record<string, Fields> {
    return answers.selected(answers.objectsOf(this.machine, this.#klippy), record(wanted))
  }

  #update(): void {
    if (this.#faults.hang === true || this.#klippy === 'disconnected') return
    for (const [socket, client] of this.#clients) {
      if (!client.wanted) continue
      const now = this.#objects(client.wanted)
      const delta = answers.changes(client.said, now)
      client.said = now
      if (Object.keys(delta).length === 0) continue
      const params = [delta, performance.now() / 1000]
      socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'notify_status_update', params }))
    }
  }

  #notify(method: string): void {
    if (this.#faults.hang === true) return
    for (const socket of this.#clients.keys())
      socket.send(JSON.stringify({ jsonrpc: '2.0', method }))
  }

  #requireKlippy(): void {
    if (this.#klippy === 'disconnected')
      throw new answers.RpcFault(503, 'Klippy Host not connected')
  }

  #isKey(key: unknown): boolean {
    return this.#apiKey === undefined || key === this.#apiKey
  }
}

export function createMoonraker(options: MoonrakerOptions): Moonraker {
  return new Moonraker(options)
}

/** `?print_stats&extruder=temperature,target` names objects; any other query is parameters. */
function paramsOf(name: string, query: URLSearchParams): Fields {
  if (name !== 'printer.objects.query') return Object.fromEntries(query)
  const wanted = [...query].map(([object, fields]) => [object, fields ? fields.split(',') : null])
  return wanted.length === 0 ? {} : { objects: Object.fromEntries(wanted) }
}
