/** The endless device of the rows about streams, and viewers of it. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launchReady } from './processes.ts'
import type { Page } from './travessia.ts'

const withinMs = 30_000

/** What the device says of an endless answer. */
export type Seen = { readonly bytes: number; readonly closedAt?: number }

/** ms of the machine's monotonic clock. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export type EndlessDevice = {
  readonly url: string
  seen(name: string): Promise<Seen>
  /** When its socket closed. */
  closed(name: string): Promise<number>
  /** Nothing more could be written for a while. */
  still(name: string): Promise<void>
}

/** @param directory exists */
export async function startEndlessDevice(directory: string): Promise<EndlessDevice> {
  const { ready } = await launchReady({
    args: ['bench/endless-device.ts'],
    logFile: join(directory, 'device.log'),
  })
  const url = `http://127.0.0.1:${ready['port']}`
  const seen = async (name: string) => (await (await fetch(`${url}/seen/${name}`)).json()) as Seen
  return {
    ...{ url, seen },
    async closed(name) {
      for (const end = sharedNow() + withinMs; sharedNow() < end; await sleep(20)) {
        const { closedAt } = await seen(name)
        if (closedAt !== undefined) return closedAt
      }
      throw new Error(`the device still writes to ${name}`)
    },
    async still(name) {
      let before = -1
      for (const end = sharedNow() + withinMs; sharedNow() < end; await sleep(500)) {
        const { bytes } = await seen(name)
        if (bytes === before) return
        before = bytes
      }
      throw new Error(`nobody held up ${name}`)
    },
  }
}

type Viewer = {
  /** Takes at least so many bytes from now on, then no more. */
  take(bytes: number): Promise<void>
  /** Goes on reading, whatever comes. */
  read(): void
  leave(): void
}

/** Begins to watch; resolved at the answer's head. */
export async function watch(page: Page, name: string): Promise<Viewer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const { url, headers } = page
    const request = httpRequest(`${url}/endless/${name}`, { headers, agent: false }, resolve)
    request.once('error', reject).end()
  })
  answer.on('error', () => undefined)
  if (answer.statusCode !== 200) throw new Error(`/endless answered ${answer.statusCode}`)
  return {
    take: (bytes) =>
      new Promise((resolve) => {
        let taken = 0
        const look = (chunk: Buffer) => {
          taken += chunk.length
          if (taken < bytes) return
          answer.off('data', look).pause()
          resolve()
        }
        answer.on('data', look).resume()
      }),
    read: () => void answer.resume(),
    leave: () => void answer.destroy(),
  }
}
