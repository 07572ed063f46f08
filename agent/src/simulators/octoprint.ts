/**
 * A simulated OctoPrint: its page, and the API that page and driver need, over a machine that prints.
 * `GET /__simulator/state` counts what was really done; `POST /__simulator/faults` makes trouble.
 */
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Answer,
  type DeviceRequest,
  DeviceServer,
  type Fields,
  fieldsOf,
  html,
  json,
  keepLast,
  record,
} from './device-server.ts'
import * as answers from './octoprint-answers.ts'
import { octoprintPage } from './octoprint-page.ts'
import { type MachineOptions, PrintingMachine } from './printing-machine.ts'
import { maxUploadBytes, uploadOf } from './upload-form.ts'

export type OctoPrintOptions = MachineOptions & {
  readonly port: number
  readonly apiKey?: string
}

type Faults = {
  slowMs?: number
  /** Takes calls, does nothing, never answers; `commands`: only what would change something. */
  hang?: boolean | 'commands'
  /** 409 to every command. */
  denied?: boolean
  /** OctoPrint runs, the printer is switched off. */
  offline?: boolean
  keyRefused?: boolean
  /** The answer to a command is lost after it was done. */
  cutAfterAction?: boolean
  /** Commands are accepted at once and done after this time. */
  lagMs?: number
}

export const simulatedApiKey = 'simulator-key'
const noContent: Answer = { status: 204 }
const filesPath = '/api/files/local'

export class OctoPrint {
  readonly machine: PrintingMachine
  /** The last ones: method and path. */
  readonly requests: string[] = []
  readonly #server: DeviceServer
  readonly #apiKey: string
  readonly #lags = new Set<NodeJS.Timeout>()
  #isConnected = true
  #faults: Faults = {}

  constructor({ port, apiKey = simulatedApiKey, ...machine }: OctoPrintOptions) {
    this.machine = new PrintingMachine(machine)
    this.#apiKey = apiKey
    this.#server = new DeviceServer((request, response) => this.#handle(request, response), {
      port,
      maxBodyBytes: maxUploadBytes,
    })
  }

  async start(): Promise<{ url: string; apiKey: string }> {
    return { url: await this.#server.start(), apiKey: this.#apiKey }
  }

  async stop(): Promise<void> {
    for (const lag of this.#lags) clearTimeout(lag)
    await this.#server.stop()
  }

  get #isOperational(): boolean {
    return this.#isConnected && !this.#faults.offline && this.machine.phase !== 'stopped'
  }

  async #handle(request: DeviceRequest, response: ServerResponse): Promise<Answer | undefined> {
    const { pathname } = request.url
    if (pathname === '/__simulator/state') return json(this.machine.state)
    if (pathname === '/__simulator/faults') {
      this.#faults = fieldsOf(request.body)
      return json(this.#faults)
    }
    keepLast(this.requests, `${request.method} ${pathname}`)
    const isCommand = request.method !== 'GET' && request.method !== 'HEAD'
    const { hang, slowMs, cutAfterAction } = this.#faults
    if (hang === true || (hang === 'commands' && isCommand)) return undefined
    await sleep(slowMs ?? 0)
    if (pathname === '/' && !isCommand) return html(octoprintPage(this.#apiKey))
    if (!pathname.startsWith('/api/')) return notFound
    if (this.#faults.keyRefused || request.headers['x-api-key'] !== this.#apiKey)
      return error(403, 'You don’t have the permission to access the requested resource.')
    if (!isCommand) return this.#read(pathname)
    const answer = this.#faults.denied
      ? error(409, 'Printer is not operational or currently printing')
      : await this.#command(request)
    if (!cutAfterAction) return answer
    response.destroy()
    return undefined
  }

  #read(pathname: string): Answer {
    const { machine } = this
    switch (pathname) {
      case '/api/version':
        return json(answers.version)
      case '/api/connection':
        return json(answers.connection(machine, this.#isOperational))
      case '/api/printer':
        return this.#isOperational ? json(answers.printer(machine)) : notOperational
      case '/api/job':
        return json(answers.job(machine, this.#isOperational))
      case '/api/files':
      case filesPath:
        return json(answers.files(machine))
      default:
        return this.#fileInfo(pathname)
    }
  }

  #fileInfo(pathname: string): Answer {
    const path = decoded(pathname.slice(filesPath.length + 1))
    const file = pathname.startsWith(`${filesPath}/`) ? this.machine.files.get(path) : undefined
    if (!file) return notFound
    const { size, modifiedSeconds: date } = file
    return json({ name: path.split('/').at(-1), path, origin: 'local', size, date })
  }

  async #command(request: DeviceRequest): Promise<Answer> {
    const { pathname } = request.url
    const body = fieldsOf(request.body)
    if (pathname === filesPath) return this.#upload(request)
    if (pathname.startsWith(`${filesPath}/`)) return this.#fileCommand(request, body)
    if (pathname === '/api/connection') return this.#connect(body)
    if (!this.#isOperational) return notOperational
    switch (pathname) {
      case '/api/job':
        return this.#jobCommand(body)
      case '/api/printer/tool':
        return this.#setTarget('nozzle', record(body['targets'])['tool0'])
      case '/api/printer/bed':
        return this.#setTarget('bed', body['target'])
      case '/api/printer/command':
        return this.#gcode(body)
      default:
        return notFound
    }
  }

  /** As the real one: the pause of a pause is accepted, and nothing happens; without `action` it toggles. */
  #jobCommand({ command, action = 'toggle' }: Fields): Answer {
    const { machine } = this
    const pausing = machine.phase === 'paused' ? 'resume' : 'pause'
    switch (command) {
      case 'start':
        return this.#start(machine.file)
      case 'pause':
        if (!machine.isActive) return error(409, 'Printer is neither printing nor paused')
        if (action !== 'pause' && action !== 'resume' && action !== 'toggle')
          return error(400, 'Unknown action')
        return this.#accept(() => machine[action === 'toggle' ? pausing : action]())
      case 'cancel':
        if (!machine.isActive) return error(409, 'Printer is neither printing nor paused')
        return this.#accept(() => machine.cancel())
      default:
        return error(400, 'command is invalid')
    }
  }

  #fileCommand({ method, url }: DeviceRequest, { command, print }: Fields): Answer {
    const { machine } = this
    const path = decoded(url.pathname.slice(filesPath.length + 1))
    if (!machine.files.has(path)) return notFound
    if (method === 'DELETE') {
      if (machine.isActive && machine.file === path) return error(409, 'File is in use')
      machine.files.delete(path)
      return noContent
    }
    if (command !== 'select') return error(400, 'command is invalid')
    return print === true ? this.#start(path) : noContent
  }

  #start(path: string): Answer {
    if (this.machine.isActive) return error(409, 'Printer is already printing')
    if (!this.#isOperational) return notOperational
    return this.#accept(() => this.machine.start(path))
  }

  async #upload(request: DeviceRequest): Promise<Answer> {
    const upload = await uploadOf(request)
    if (!upload) return error(400, 'No file to upload')
    const { form, file, sha256 } = upload
    if (!/\.(gcode|gco|g)$/i.test(file.name)) return error(415, 'invalid file type')
    const folder = String(form.get('path') ?? '').replace(/^\/|\/$/g, '')
    const path = folder === '' ? file.name : `${folder}/${file.name}`
    if (path.split('/').includes('..')) return error(400, 'invalid path')
    if (this.machine.isActive && this.machine.file === path) return error(409, 'File is in use')
    if (!this.machine.upload(path, file.size, sha256)) return error(507, 'no space')
    if (form.get('print') === 'true') this.#start(path)
    const location = `${filesPath}/${path.split('/').map(encodeURIComponent).join('/')}`
    const local = { name: file.name, path, origin: 'local' }
    return { ...json({ files: { local }, done: true }, 201), headers: { location } }
  }

  #setTarget(heater: 'nozzle' | 'bed', target: unknown): Answer {
    if (typeof target !== 'number') return error(400, 'target is invalid')
    return this.#accept(() => this.machine.setTarget(heater, target))
  }

  #gcode({ command, commands = [command] }: Fields): Answer {
    const lines = Array.isArray(commands) ? commands.map(String) : []
    if (lines.some((line) => /^M112\b/.test(line)))
      return this.#accept(() => this.machine.emergencyStop())
    return lines.length === 0 ? error(400, 'Need one of command, commands') : noContent
  }

  #connect({ command }: Fields): Answer {
    if (command === 'connect') {
      if (this.machine.phase === 'stopped') this.machine.restart()
      this.#isConnected = true
    } else this.#isConnected = false
    return noContent
  }

  #accept(act: () => unknown): Answer {
    const { lagMs } = this.#faults
    if (lagMs === undefined) act()
    else this.#lags.add(setTimeout(act, lagMs))
    return noContent
  }
}

export function createOctoPrint(options: OctoPrintOptions): OctoPrint {
  return new OctoPrint(options)
}

const notOperational = error(409, 'Printer is not operational')
const notFound = error(404, 'The requested URL was not found on the server.')

function error(status: number, text: string): Answer {
  return json({ error: text }, status)
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return ''
  }
}
