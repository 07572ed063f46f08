/** Small requests over a kept connection, and how long each took. */
import { Agent, request as httpRequest } from 'node:http'
import type { Page } from './travessia.ts'

export class Visitor {
  readonly #page: Page
  readonly #connection = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(page: Page) {
    this.#page = page
  }

  /** One request, in ms. @throws Error for anything but 200 */
  ask(path = '/small', body?: Uint8Array): Promise<number> {
    const { url, headers } = this.#page
    const method = body ? 'POST' : 'GET'
    const begun = performance.now()
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: this.#connection }
      const request = httpRequest(url + path, options, (response) => {
        response.once('error', reject).resume()
        response.once('end', () => {
          if (response.statusCode === 200) resolve(performance.now() - begun)
          else reject(new Error(`${path} answered ${response.statusCode}`))
        })
      })
      request.once('error', reject).end(body)
    })
  }

  /** One after the other, for so long. */
  async times(seconds: number): Promise<number[]> {
    const times: number[] = []
    for (const end = performance.now() + seconds * 1000; performance.now() < end; )
      times.push(await this.ask())
    return times
  }

  leave(): void {
    this.#connection.destroy()
  }
}
