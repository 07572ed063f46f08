/**
 * What an admitted request becomes at the device, and its answer at the browser. Each exchange ends in one fact,
 * whoever breaks it off; at the end of the session it is cut and recorded at once, so that the session's totals
 * hold it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CookieJar } from '@travessia/schemas/cookie-jar'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { giveBack } from '@travessia/schemas/give-back'
import type { DeviceRow } from '../views/devices.ts'
import type { BrowserHead } from './browser-head.ts'
import type { Departure } from './departure.ts'
import type { DeviceClient, DeviceRequest, DeviceResponse } from './device-client.ts'
import { type ExchangeRecord, stageOf } from './exchange-record.ts'
import { responseHeaders } from './headers.ts'
import type { PublicView } from './public-address.ts'
import type { LiveSession } from './remote-sessions.ts'
import { mayBeRewritten, rewriteBody, rewritingOf } from './rewriting.ts'
import { shimUrl } from './shim.ts'

/** Of an answer, waiting for the browser. */
const maxUnsentBytes = 64 * 1024

/** A request that may go to a device: recorded, and the way there is open. */
export type Admitted = {
  readonly session: LiveSession
  readonly device: DeviceRow
  readonly client: DeviceClient
  readonly port: number | undefined
  /** As the device is asked for it. */
  readonly path: string
  readonly view: PublicView
  readonly jar: CookieJar
  readonly record: ExchangeRecord
}

export type Asked = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly head: BrowserHead
}

/** `gone`: aborted when the browser is. */
type Browser = Asked & { readonly gone: Departure }

/** @throws TravessiaError what the browser may still be told */
export async function forward(browser: Browser, admitted: Admitted): Promise<void> {
  const { response, gone } = browser
  const { session, record, client } = admitted
  const cut = session.cuts.add(() => {
    record.failed('SESSION_ENDED', 'gateway')
    gone.abort()
    response.destroy()
  })
  let answer: DeviceResponse | undefined
  try {
    if (session.isEnded) throw new TravessiaError('SESSION_ENDED')
    if (gone.aborted) throw new TravessiaError('TUNNEL_LOST')
    answer = await client.request(deviceRequest(browser, admitted))
    record.answered()
    const sending = sendAnswer(browser, answer, admitted)
    if (sending !== undefined) await sending
    record.ended(answer.head)
  } catch (error) {
    const code = codeOf(error)
    // `errored`: our own doing, since the device broke off first.
    const isGone = gone.aborted && !response.writableFinished && !response.errored
    record.failed(code, isGone ? 'browser' : stageOf(code))
    if (!response.destroyed) throw error
  } finally {
    session.cuts.remove(cut)
    answer?.body.destroy()
  }
}

function deviceRequest(
  { request, head, gone }: Browser,
  { device, view, path, port, jar, record }: Admitted,
): DeviceRequest {
  const { method = '', headers } = request
  const isRewritten = mayBeRewritten({ method, headers }, view)
  const length = headers['content-length']
  const hasBody = length !== undefined || headers['transfer-encoding'] !== undefined
  const sent = {
    method,
    path,
    timeouts: device.timeouts,
    headers: head.forDevice(view, jar, isRewritten),
    signal: gone,
    ...(port === undefined ? undefined : { port }),
  }
  if (!hasBody) return sent
  const bodyBytes = length === undefined ? 'chunked' : Number(length)
  return { ...sent, bodyBytes, body: metered(request, record.request.stream()) }
}

/** Not `pipeline`: a device that refuses the body must not cost the browser its connection. */
function metered(request: IncomingMessage, meter: Transform): Transform {
  meter.on('error', () => undefined)
  // A browser may read its answer only after it has sent everything.
  meter.once('close', () => request.unpipe(meter).resume())
  request.once('close', () => {
    if (!request.complete) meter.destroy(new TravessiaError('TUNNEL_LOST'))
  })
  return request.pipe(meter)
}

/**
 * @returns when the browser has all of it; undefined: it has
 * @throws TravessiaError; what the browser has got by then ends as broken
 */
export function sendAnswer(
  browser: Pick<Browser, 'request' | 'response'>,
  answer: Omit<DeviceResponse, 'body'> & { readonly body: AsyncIterable<Uint8Array> },
  { session, view, path, record, jar }: Omit<Admitted, 'client' | 'device' | 'port'>,
): Promise<void> | undefined {
  const { request, response } = browser
  const { status, headers: raw, head, whole } = answer
  const { method = '', headers } = request
  const rewriting = rewritingOf({ method, headers }, answer, view)
  const isPlain = rewriting === undefined && head.plain.length > 0
  const context = {
    view,
    requestPath: path,
    jar: session.mode === 'path' ? jar : undefined,
    isRewritten: rewriting !== undefined,
    script: rewriting?.kind === 'page' ? shimUrl(view) : undefined,
  }
  // Node takes them as they are and keeps none.
  response.writeHead(status, (isPlain ? head.plain : responseHeaders(raw, context)) as string[])
  const hasNoBody = method === 'HEAD' || status === 204 || status === 304
  const expected = hasNoBody ? 0 : head.contentLength
  if (whole && !rewriting && (expected ?? whole.length) === whole.length)
    return sendWhole(response, whole, record)
  if (!rewriting) return sendPieces(response, record.response.checked(answer.body, expected))
  return sendRewritten(response, rewriteBody(rewriting, view), {
    body: answer.body,
    meter: record.response.stream(expected),
  })
}

async function sendRewritten(
  response: ServerResponse,
  steps: readonly Transform[],
  { body, meter }: { body: AsyncIterable<Uint8Array>; meter: Transform },
): Promise<void> {
  response.flushHeaders()
  await pipeline([Readable.from(body, { objectMode: false }), meter, ...steps, response])
}

/** Head and body in one write: as latin1 text Node joins them, as bytes it would not. */
function sendWhole(
  response: ServerResponse,
  whole: Uint8Array,
  record: ExchangeRecord,
): Promise<void> | undefined {
  record.response.add(whole)
  const { buffer, byteOffset, byteLength } = whole
  return end(response, Buffer.from(buffer, byteOffset, byteLength).toString('latin1'))
}

/**
 * As fast as the browser takes them.
 * @throws TravessiaError; the connection is broken then, so that nobody takes the answer for whole
 */
async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  // With the first piece, which is here with the head more often than not; else by itself.
  const flushing = setImmediate(() => response.flushHeaders())
  try {
    for await (const piece of pieces) {
      clearImmediate(flushing)
      if (response.destroyed) throw new TravessiaError('TUNNEL_LOST')
      response.write(piece, (error) => {
        if (!error) giveBack(piece)
      })
      if (response.writableLength > maxUnsentBytes) await drained(response)
    }
    await end(response)
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    clearImmediate(flushing)
  }
}

/** Resolves also when the browser is gone. */
async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go).off('close', go)
      resolve()
    }
    response.on('drain', go).on('close', go)
  })
}

/**
 * @returns when the browser has all of it; undefined: the system has taken it already
 * @throws TravessiaError TUNNEL_LOST: the browser left before it had all
 */
function end(response: ServerResponse, text = ''): Promise<void> | undefined {
  if (response.destroyed) throw new TravessiaError('TUNNEL_LOST')
  response.end(text, 'latin1')
  const isTaken = response.writableLength === 0 && response.socket?.destroyed === false
  return isTaken ? undefined : finished(response)
}

async function finished(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    response.once('finish', resolve).once('close', () => {
      if (response.writableFinished) resolve()
      else reject(new TravessiaError('TUNNEL_LOST'))
    })
  })
}

export function codeOf(error: unknown): ErrorCode {
  if (error instanceof TravessiaError) return error.code
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? ''
  // A coded page that is not what it says.
  if (/^(Z_|ERR_(BROTLI|_ERROR))/.test(code)) return 'DEVICE_PROTOCOL'
  return code === 'ERR_STREAM_PREMATURE_CLOSE' ? 'TUNNEL_LOST' : 'INTERNAL'
}
