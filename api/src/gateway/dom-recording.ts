/**
 * `POST /__travessia/dom`: what a recorded page says of itself, kept as a blob and named by a fact. A device's page sends it, so
 * nothing of it is believed but its size and shape. Killed between blob and fact: an orphan, swept a day later.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { compile } from '@travessia/schemas/compile'
import { type DomBatch, domBatchSchema, maxBatchBytes } from '@travessia/schemas/dom-recording'
import { TravessiaError } from '@travessia/schemas/errors'
import { newTimeId } from '@travessia/schemas/ids'
import type { BlobStore } from '../store/blob-store.ts'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { LiveSession } from './remote-sessions.ts'

/** Of one session; what comes after is not recorded. */
export const maxSessionBytes = 20 * 1024 * 1024
/** Bytes and batches come back with time, so that a page cannot fill the log. */
export const batchesAtOnce = 20
const batchesPerSecond = 2
const underWayAtOnce = 4

const isBatch = compile(domBatchSchema)

type Deps = {
  readonly store: EventStore
  readonly blobs: Pick<BlobStore, 'put'>
  readonly now: () => number
}
type Standing = {
  bytes: number
  batches: number
  seenAt: number
  underWay: number
  /** Since the last one that was kept. */
  refused: number
}
type Owner = {
  readonly session: LiveSession
  readonly device: DeviceRow
  readonly standing: Standing
}

export class DomRecording {
  readonly #deps: Deps
  readonly #standing = new WeakMap<LiveSession, Standing>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** @throws TravessiaError NOT_FOUND (not recorded), RATE_LIMITED, REQUEST_TOO_LARGE, MESSAGE_INVALID, and what the stores say */
  async receive(
    request: IncomingMessage,
    response: ServerResponse,
    { session, device }: { session: LiveSession; device: DeviceRow },
  ): Promise<void> {
    if (device.capture !== 'dom' || request.method !== 'POST') throw new TravessiaError('NOT_FOUND')
    const standing = this.#standingOf(session)
    admit(standing)
    standing.underWay += 1
    try {
      const text = await bodyOf(request)
      const batch = batchOf(text)
      standing.bytes += text.length
      await this.#keep({ session, device, standing }, batch, text)
    } finally {
      standing.underWay -= 1
    }
    response.writeHead(204, { 'cache-control': 'no-store' }).end()
  }

  #standingOf(session: LiveSession): Standing {
    const now = this.#deps.now()
    const fresh = { bytes: 0, batches: batchesAtOnce, seenAt: now, underWay: 0, refused: 0 }
    const standing = this.#standing.get(session) ?? fresh
    this.#standing.set(session, standing)
    const regained = ((now - standing.seenAt) / 1_000) * batchesPerSecond
    standing.batches = Math.min(batchesAtOnce, standing.batches + Math.max(0, regained))
    standing.seenAt = now
    return standing
  }

  async #keep(
    { session, device, standing }: Owner,
    { events }: DomBatch,
    text: Buffer,
  ): Promise<void> {
    const { store, blobs, now } = this.#deps
    const { tenantId, userId, id: sessionId } = session
    const { id: deviceId, installationId } = device
    const { refused } = standing
    const isLast = standing.bytes >= maxSessionBytes
    const times = events.map(({ timestamp }) => timestamp)
    const [lastMs, spanMs] = [now(), Math.max(...times) - Math.min(...times)]
    const timeOf = (ms: number) => new Date(Math.max(0, ms)).toISOString()
    const ref = await blobs.put(tenantId, userId, text)
    const data = {
      ...{ ref, digest: `sha256:${createHash('sha256').update(text).digest('hex')}` },
      ...{ bytes: text.length, events: events.length },
      // Its clock is its own: what was sent ended when it came.
      ...{ firstAt: timeOf(lastMs - spanMs), lastAt: timeOf(lastMs) },
      ...(refused > 0 ? { refused } : {}),
      ...(isLast ? { isLast } : {}),
    }
    standing.refused -= refused
    await store.append({
      ...{ tenantId, streamKind: 'session', streamId: sessionId, expected: 'any' },
      events: [
        {
          ...{ type: 'DomRecordingStored', data, actor: { type: 'user', id: userId } },
          ...{ at: timeOf(lastMs), installationId, deviceId, sessionId },
          correlationId: newTimeId(lastMs),
        },
      ],
    })
  }
}

/** @throws TravessiaError RATE_LIMITED, REQUEST_TOO_LARGE: the session's share is used up */
function admit(standing: Standing): void {
  const isOver = standing.bytes >= maxSessionBytes
  const isTooOften = standing.batches < 1 || standing.underWay >= underWayAtOnce
  if (isOver || isTooOften) standing.refused += 1
  if (isOver) throw new TravessiaError('REQUEST_TOO_LARGE')
  if (isTooOften) throw new TravessiaError('RATE_LIMITED')
  standing.batches -= 1
}

/** @throws TravessiaError MESSAGE_INVALID */
function batchOf(text: Buffer): DomBatch {
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch {
    throw new TravessiaError('MESSAGE_INVALID')
  }
  if (!isBatch(value)) throw new TravessiaError('MESSAGE_INVALID')
  return value as DomBatch
}

/**
 * What is too much is read and dropped, so that the answer still finds its way.
 * @throws TravessiaError REQUEST_TOO_LARGE, TUNNEL_LOST
 */
function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBatchBytes) chunks.push(chunk)
      else {
        chunks = []
        reject(new TravessiaError('REQUEST_TOO_LARGE'))
      }
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('close', () => reject(new TravessiaError('TUNNEL_LOST')))
    request.once('error', reject)
  })
}
