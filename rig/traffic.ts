/**
 * Exchanges of every kind with a `SteadyDevice`, as a browser sees them. Each says how it ended and what is wrong with
 * that: a whole answer has every byte, one that was cut a correct beginning and a mark.
 */

import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { digestOf } from './scripted-device.ts'
import { begin, type Entered } from './session-client.ts'
import { event, paced, patternAt, pieces } from './steady-device.ts'

export type Outcome = {
  readonly kind: string
  /** undefined: the connection broke before an answer. */
  readonly status: number | undefined
  readonly code: string | undefined
  readonly isWhole: boolean
  /** What must never be. */
  readonly problem: string | undefined
}

export type Running = {
  /** Under way at the device. */
  readonly begun: Promise<void>
  readonly ended: Promise<Outcome>
  /** The browser goes away. */
  leave(): void
}

type Pace = { readonly count: number; readonly everyMs?: number }
type Expected = { readonly bytes: number; readonly at: (offset: number, length: number) => Buffer }

export function download(
  at: Entered,
  { count, everyMs = 0, chunked = false }: Pace & { readonly chunked?: boolean },
): Running {
  const path = `/bytes?count=${count}&everyMs=${everyMs}${chunked ? '&chunked' : ''}`
  return fetched(at, [chunked ? 'chunked' : 'download', path], { bytes: count, at: patternAt })
}

export function events(at: Entered, { count, everyMs = 0 }: Pace): Running {
  const whole = Buffer.from(Array.from({ length: count }, (_, n) => event(n)).join(''))
  const piece = (offset: number, length: number) => whole.subarray(offset, offset + length)
  const path = `/events?count=${count}&everyMs=${everyMs}`
  return fetched(at, ['events', path], { bytes: whole.length, at: piece })
}

export function small(at: Entered, say: string): Running {
  const whole = Buffer.from(say)
  const piece = (offset: number, length: number) => whole.subarray(offset, offset + length)
  return fetched(at, ['small', `/?say=${say}`], { bytes: whole.length, at: piece })
}

/** A request that the device never answers. */
export function silence(at: Entered): Running {
  return { ...fetched(at, ['silent', '/silent'], { bytes: -1, at: patternAt }), begun: sleep(300) }
}

function fetched(
  at: Entered,
  [kind, path]: readonly [string, string],
  expected: Expected,
): Running {
  const { request, answer } = begin(at, path)
  request.end()
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const ended = answer.then(
    (response) => outcomeOf(kind, response, checked(response, expected, resolve)),
    () => broken(kind),
  )
  return {
    begun: Promise.race([begun, ended.then(() => undefined)]),
    ended,
    leave: () => request.destroy(),
  }
}

/** @returns what is wrong with the body @throws when it is cut */
async function checked(
  response: IncomingMessage,
  { bytes, at }: Expected,
  begun: () => void,
): Promise<string | undefined> {
  let offset = 0
  for await (const chunk of response) {
    const { length } = chunk as Buffer
    if (!at(offset, length).equals(chunk as Buffer)) return `wrong bytes after ${offset}`
    offset += length
    begun()
  }
  return offset === bytes ? undefined : `whole with ${offset} of ${bytes} bytes`
}

export function upload(at: Entered, { count, everyMs = 0 }: Pace): Running {
  const headers = { 'content-length': count }
  const { request, answer } = begin(at, '/take', { method: 'PUT', headers })
  pipeline(paced(pieces(count), everyMs), request).catch(() => undefined)
  const whole = JSON.stringify({ bytes: count, digest: digestOf(pieces(count)) })
  const ended = answer.then(
    (response) =>
      outcomeOf(
        'upload',
        response,
        text(response).then((said) => (said === whole ? undefined : `taken as ${said}`)),
      ),
    () => broken('upload'),
  )
  return { begun: sleep(300), ended, leave: () => request.destroy() }
}

/** @param body what is wrong with it */
async function outcomeOf(
  kind: string,
  response: IncomingMessage,
  body: Promise<string | undefined>,
): Promise<Outcome> {
  const { statusCode: status = 0, headers } = response
  const code = headers['x-travessia-error']?.toString()
  const [wrong, isWhole] = await body.then(
    (problem) => [problem, response.complete] as const,
    () => [undefined, false] as const,
  )
  if (status === 200) return { kind, status, code, isWhole, problem: wrong }
  const isTyped = [502, 503, 504].includes(status) && code !== undefined
  const problem = isTyped ? undefined : `answer ${status} ${code}`
  return { kind, status, code, isWhole: false, problem }
}

function broken(kind: string): Outcome {
  return { kind, status: undefined, code: undefined, isWhole: false, problem: undefined }
}

/** Sends `count` messages, text and binary in turn, each second one larger than the credit; all must come back in order. */
export function echo({ base, cookie }: Entered, { count, everyMs = 0 }: Pace): Running {
  const { host, port, pathname } = new URL(base)
  const path = pathname === '/' ? '' : pathname
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}/ws`, {
    headers: { host, cookie, origin: new URL(base).origin },
  })
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const ended = new Promise<Outcome>((done) => {
    let [heard, problem] = [0, undefined as string | undefined]
    socket.on('open', () => void say(socket, { count, everyMs }))
    socket.on('message', (data: Buffer, isBinary) => {
      resolve()
      const expected = messageAt(heard)
      if (isBinary !== (heard % 2 === 1) || !data.equals(expected))
        problem ??= `message ${heard} came back as ${data.length} bytes`
      heard += 1
      if (heard === count) socket.close(4000, 'all heard')
    })
    socket.on('error', () => undefined)
    socket.on('close', (code) => {
      resolve()
      const isWhole = code === 4000 && heard === count
      if (code === 1000) problem ??= `a clean end after ${heard} of ${count}`
      done({ kind: 'echo', status: 101, code: String(code), isWhole, problem })
    })
  })
  return { begun, ended, leave: () => socket.terminate() }
}

function messageAt(n: number): Buffer {
  return n % 4 === 3 ? Buffer.alloc(400_000, n) : Buffer.from(`message ${n}`)
}

async function say(socket: WebSocket, { count, everyMs = 0 }: Pace): Promise<void> {
  for (let n = 0; n < count && socket.readyState === socket.OPEN; n += 1) {
    socket.send(messageAt(n), { binary: n % 2 === 1 })
    if (everyMs > 0) await sleep(everyMs)
  }
}
