/**
 * The HTTP of OctoPrint. The API key is the PASSWORD of the registered credentials; their login may be
 * anything. No key or a wrong one is 403. The key never appears in an error or a log.
 */
import type { Credentials } from '@travessia/schemas/devices'
import { fieldsOf, parsed, textOf } from '../answers.ts'
import type { CommandContext, CommandResult, DeviceFetch } from '../driver.ts'
import { multipartOf } from '../multipart.ts'
import { type Moment, PrinterRefusal } from '../printing.ts'

type Answer = { readonly status: number; readonly body: string }

const keyRefused = 'the printer refused the API key'

export class OctoPrintClient {
  readonly #fetch: DeviceFetch
  readonly #headers: Readonly<Record<string, string>>

  constructor(fetch: DeviceFetch, credentials: Credentials | undefined) {
    this.#fetch = fetch
    this.#headers = credentials ? { 'x-api-key': credentials.password } : {}
  }

  async post(path: string, body: unknown, { startWithinMs, signal }: Moment): Promise<Answer> {
    return this.#fetch({
      ...{ method: 'POST', path, body: JSON.stringify(body), startWithinMs, signal },
      headers: { ...this.#headers, 'content-type': 'application/json' },
    })
  }

  /** Into the printer's own storage; it overwrites a file of the same name, unless that one is being printed. */
  async upload({ file, startWithinMs, signal }: CommandContext): Promise<Answer> {
    if (!file) throw new PrinterRefusal('no file came with the command')
    const { headers, body } = multipartOf({}, file)
    return this.#fetch({
      ...{ method: 'POST', path: '/api/files/local', body, startWithinMs, signal },
      headers: { ...this.#headers, ...headers },
    })
  }

  /** undefined: 409, the printer is not connected to OctoPrint. @throws PrinterRefusal */
  async get(path: string, { startWithinMs, signal }: Moment): Promise<unknown> {
    const headers = this.#headers
    const { status, body } = await this.#fetch({
      ...{ method: 'GET', path, headers, startWithinMs, signal },
    })
    if (status === 409) return undefined
    if (status === 401 || status === 403) throw new PrinterRefusal(keyRefused)
    const value = status === 200 ? parsed(body) : undefined
    if (typeof value !== 'object' || value === null)
      throw new PrinterRefusal(`no answer of OctoPrint to ${path} (${status})`)
    return value
  }
}

/** Of the printer's own storage; each part is encoded by itself. @throws PrinterRefusal: no such name can exist */
export function pathOfFile(file: string): string {
  try {
    return `/api/files/local/${file.split('/').map(encodeURIComponent).join('/')}`
  } catch {
    throw new PrinterRefusal('the file has no proper name')
  }
}

/** What the answer to a command says. 409: wrong state; nothing was done. */
export function resultOf({ status, body }: Answer): CommandResult {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  if (status === 401 || status === 403) return { outcome: 'failed', detail: keyRefused }
  const detail = textOf(fieldsOf(parsed(body))['error']) || `the printer answered ${status}`
  switch (status) {
    case 404:
      return { outcome: 'denied', detail: 'the printer has no such file' }
    case 409:
    case 415:
      return { outcome: 'denied', detail }
    default:
      return { outcome: status < 500 ? 'failed' : 'unknown', detail }
  }
}
