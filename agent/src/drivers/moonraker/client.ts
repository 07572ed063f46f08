/**
 * The HTTP of Moonraker: `{"result"}` or `{"error": {"code", "message"}}`. The API key, where Moonraker
 * wants one, is the PASSWORD of the registered credentials; their login may be anything.
 */
import type { Credentials } from '@travessia/schemas/devices'
import { type Fields, fieldsOf, numberOf, parsed, textOf } from '../answers.ts'
import type { CommandContext, CommandResult, DeviceFetch } from '../driver.ts'
import { multipartOf } from '../multipart.ts'
import type { Moment } from '../printing.ts'
import { NotDone, refusalOf, resultOfStatus } from '../refusal.ts'

type Answer = { readonly status: number; readonly body: string }

export class MoonrakerClient {
  readonly #fetch: DeviceFetch
  readonly headers: Readonly<Record<string, string>>

  constructor(fetch: DeviceFetch, credentials: Credentials | undefined) {
    this.#fetch = fetch
    this.headers = credentials ? { 'x-api-key': credentials.password } : {}
  }

  async post(path: string, context: CommandContext, body?: object): Promise<CommandResult> {
    const { startWithinMs, signal } = context
    const text = body === undefined ? '' : JSON.stringify(body)
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await this.#fetch({
      ...{ method: 'POST', path, body: text, startWithinMs, signal },
      headers: { ...this.headers, ...json },
    })
    return resultOf(answer)
  }

  /** With its digest, which Moonraker compares: what it keeps is what was signed. */
  async upload({ file, startWithinMs, signal }: CommandContext): Promise<CommandResult> {
    if (!file) throw new NotDone({ outcome: 'failed', detail: 'FILE_BROKEN' })
    const { headers, body } = multipartOf({ root: 'gcodes', checksum: file.sha256 }, file)
    const answer = await this.#fetch({
      ...{ method: 'POST', path: '/server/files/upload', body, startWithinMs, signal },
      headers: { ...this.headers, ...headers },
    })
    const result = resultOf(answer)
    const words = messageOf(answer.body)
    // The file of that name is being printed.
    if (answer.status === 403 && words !== '') return { outcome: 'denied', detail: words }
    if (result.outcome !== 'accepted') return result
    const whole = fieldsOf(parsed(answer.body))
    // Unlike its other answers not inside of `result`; whoever changes that is still understood.
    const item = fieldsOf(whole['item'] ?? fieldsOf(whole['result'])['item'])
    const path = textOf(item['path'])
    if (path === '') return result
    const isWhole = numberOf(item['size']) === file.length
    return { outcome: isWhole ? 'confirmed' : 'accepted', file: path }
  }

  /** @throws DeviceRefusal, and what `DeviceFetch` throws */
  async get(path: string, { startWithinMs, signal }: Moment): Promise<unknown> {
    const { headers } = this
    const { status, body } = await this.#fetch({
      ...{ method: 'GET', path, headers, startWithinMs, signal },
    })
    const answer = fieldsOf(status === 200 ? parsed(body) : undefined)
    if (!('result' in answer)) throw refusalOf(status, messageOf(body))
    return answer['result']
  }

  /** The printer's objects, or only `webhooks` with the reason while Klipper is not ready. */
  async status(objects: Fields, moment: Moment): Promise<Fields> {
    const state = textOf(fieldsOf(await this.get('/server/info', moment))['klippy_state'])
    if (state !== 'ready') {
      const info = await this.get('/printer/info', moment).catch(() => undefined)
      return { webhooks: { state, state_message: textOf(fieldsOf(info)['state_message']) } }
    }
    const query = Object.keys(objects).join('&')
    return fieldsOf(fieldsOf(await this.get(`/printer/objects/query?${query}`, moment))['status'])
  }
}

/** What the answer to a command says. */
function resultOf({ status, body }: Answer): CommandResult {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  const message = messageOf(body)
  // "Klippy Disconnected" is also a 503, but of a command that Klipper may have begun.
  if (status === 503 && /not (connected|available)/i.test(message))
    return { outcome: 'denied', detail: message }
  return resultOfStatus(status, message)
}

function messageOf(body: string): string {
  return textOf(fieldsOf(fieldsOf(parsed(body))['error'])['message'])
}
