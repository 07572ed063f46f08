/**
 * The HTTP of OctoPrint. The API key is the PASSWORD of the registered credentials; their login may be
 * anything. No key or a wrong one is 403. The key never appears in an error or a log.
 */
import type { Credentials } from '@travessia/schemas/devices'
import { fieldsOf, parsed, textOf } from '../answers.ts'
import type { CommandContext, CommandResult, DeviceFetch } from '../driver.ts'
import { multipartOf } from '../multipart.ts'
import type { Moment } from '../printing.ts'
import { NotDone, refusalOf, resultOfStatus } from '../refusal.ts'

type Answer = { readonly status: number; readonly body: string }

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
    if (!file) throw new NotDone({ outcome: 'failed', detail: 'FILE_BROKEN' })
    const { headers, body } = multipartOf({}, file)
    return this.#fetch({
      ...{ method: 'POST', path: '/api/files/local', body, startWithinMs, signal },
      headers: { ...this.#headers, ...headers },
    })
  }

  /** undefined: 409, the printer is not connected to OctoPrint. @throws DeviceRefusal */
  async get(path: string, { startWithinMs, signal }: Moment): Promise<unknown> {
    const headers = this.#headers
    const { status, body } = await this.#fetch({
      ...{ method: 'GET', path, headers, startWithinMs, signal },
    })
    if (status === 409) return undefined
    const value = status === 200 ? parsed(body) : undefined
    if (typeof value !== 'object' || value === null) throw refusalOf(status)
    return value
  }
}

/** Of the printer's own storage; each part is encoded by itself. @throws NotDone: no such name can exist */
export function pathOfFile(file: string): string {
  try {
    return `/api/files/local/${file.split('/').map(encodeURIComponent).join('/')}`
  } catch {
    throw new NotDone({ outcome: 'failed', detail: 'PRINTER_FILE' })
  }
}

/** What the answer to a command says. 409: wrong state; nothing was done. */
export function resultOf({ status, body }: Answer): CommandResult {
  if (status >= 200 && status < 300) return { outcome: 'accepted' }
  if (status === 404) return { outcome: 'denied', detail: 'PRINTER_FILE' }
  return resultOfStatus(status, textOf(fieldsOf(parsed(body))['error']))
}
