/** HTTP for drivers: one request, one connection, by the target policy, never sent after its moment. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { AgentDevice } from '@travessia/schemas/devices'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { connectTo } from './device-pools.ts'
import type { DeviceFetch, StreamedBody } from './drivers/driver.ts'
import { type Policy, targetOf } from './target-policy.ts'

const connectMs = 5_000
const maxAnswerBytes = 1024 * 1024
/** A device that neither takes nor says anything while it is sent a file. */
const silentMs = 120_000

export function createDeviceFetch(device: AgentDevice, policy: Policy): DeviceFetch {
  return async ({ method, path, headers = {}, body = '', startWithinMs, signal }) => {
    const target = targetOf(device)
    const isLate = () => startWithinMs() <= 0 || signal.aborted
    if (isLate()) throw new TravessiaError('COMMAND_EXPIRED')
    const withinMs = Math.min(connectMs, startWithinMs())
    const socket = await connectTo(target, policy, withinMs).catch((error: unknown) => {
      throw isLate() ? new TravessiaError('COMMAND_EXPIRED') : error
    })
    if (isLate()) {
      socket.destroy()
      throw new TravessiaError('COMMAND_EXPIRED')
    }
    // All of the request is made ready before it is looked at the clock for the last time: a host may stand still anywhere.
    socket.cork()
    const asked = new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest({
        ...{ method, path, signal, createConnection: () => socket, setHost: false },
        // A POST without a length is refused with 411 by lighttpd, and `Expect` breaks it.
        headers: { host: target.host, ...headers, 'content-length': lengthOf(body) },
      })
      request.once('response', resolve)
      request.once('error', reject)
      request.once('socket', () =>
        // Node hands its head to the socket right after this; from here on the device may have been told.
        queueMicrotask(() => {
          if (isLate()) request.destroy(new TravessiaError('COMMAND_EXPIRED'))
          else socket.uncork()
        }),
      )
      send(request, body).catch(reject)
    })
    const ends = { local: socket.localAddress ?? '', device: socket.remoteAddress ?? '' }
    try {
      const response = await asked
      const body = await text(limited(response))
      return { status: response.statusCode ?? 0, body, ends }
    } catch (error) {
      throw unanswered(error, signal)
    } finally {
      socket.destroy()
    }
  }
}

/** The device may have been told. */
function unanswered(error: unknown, signal: AbortSignal): TravessiaError {
  if (error instanceof TravessiaError) return error
  return new TravessiaError(codeOf(error, signal), {}, { cause: error })
}

function codeOf(error: unknown, { aborted, reason }: AbortSignal): ErrorCode {
  const isOfParser = String((error as NodeJS.ErrnoException).code).startsWith('HPE_')
  if (!aborted) return isOfParser ? 'DEVICE_PROTOCOL' : 'DEVICE_LOST'
  return (reason as Error).name === 'TimeoutError' ? 'DEVICE_TIMEOUT' : 'AGENT_OFFLINE'
}

function lengthOf(body: string | StreamedBody): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length
}

async function send(request: ClientRequest, body: string | StreamedBody): Promise<void> {
  if (typeof body === 'string') return void request.end(body)
  request.setTimeout(silentMs, () => request.destroy(new TravessiaError('DEVICE_TIMEOUT')))
  await pipeline(Readable.from(exactly(body), { objectMode: false }), request)
}

/** A file that is not as long as it was said would leave the device waiting for its end. */
async function* exactly({ length, read }: StreamedBody): AsyncGenerator<Uint8Array> {
  let left = length
  for await (const chunk of read()) {
    left -= chunk.length
    if (left < 0) break
    yield chunk
  }
  if (left !== 0) throw new TravessiaError('FILE_BROKEN', { problem: 'length' })
}

async function* limited(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Uint8Array).length
    if (bytes > maxAnswerBytes) throw new TravessiaError('DEVICE_ANSWER')
    yield chunk as Uint8Array
  }
}
