/**
 * `POST /__travessia/dom`: what a recorded page says of itself, kept as a blob and named by a fact; what is not kept is a gap,
 * a fact as well. A device's page sends it, so nothing of it is believed but its size and shape. Secrets in its addresses are taken
 * out before it is kept. Killed between blob and fact:
 * an orphan, swept a day later.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { compile } from '@travessia/schemas/compile'
import { type DomMessage, domMessageSchema } from '@travessia/schemas/dom-recording'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { newTimeId } from '@travessia/schemas/ids'
import type { GapCause } from '@travessia/schemas/recording-gaps'
import type { Logger } from 'pino'
import type { BlobStore } from '../store/blob-store.ts'
import type { EventStore } from '../store/event-store.ts'
import { BatchUploads } from './batch-uploads.ts'
import { type Recorded, RecordingGaps } from './recording-gaps.ts'
import { redactAddresses } from './redact-text.ts'
import type { LiveSession } from './remote-sessions.ts'

/** Of one session; what comes after is not recorded. */
const maxSessionBytes = 20 * 1024 * 1024
/** Bytes and batches come back with time, so that a page cannot fill the log. */
export const batchesAtOnce = 20
const batchesPerSecond = 2
const underWayAtOnce = 4

const isMessage = compile(domMessageSchema)
/** Any other error: it could not be stored. */
const gapCauseOf: Partial<Record<ErrorCode, GapCause>> = {
  REQUEST_TOO_LARGE: 'too-large',
  MESSAGE_INVALID: 'malformed',
  RATE_LIMITED: 'rate',
  NODE_BUSY: 'busy',
  BLOBS_FULL: 'full',
  TUNNEL_LOST: 'unsent',
}

type Deps = {
  readonly store: EventStore
  readonly blobs: Pick<BlobStore, 'put'>
  readonly now: () => number
  readonly log: Logger
}
type Standing = {
  bytes: number
  batches: number
  seenAt: number
  underWay: number
  /** When the last one came that was kept. */
  keptAt: number | undefined
}

export class DomRecording {
  readonly #deps: Deps
  readonly #gaps: RecordingGaps
  readonly #uploads = new BatchUploads()
  readonly #standing = new WeakMap<LiveSession, Standing>()

  constructor(deps: Deps) {
    this.#deps = deps
    this.#gaps = new RecordingGaps(deps)
  }

  /** @throws TravessiaError NOT_FOUND (not recorded), RATE_LIMITED, MESSAGE_INVALID, and what uploads and stores say */
  async receive(
    request: IncomingMessage,
    response: ServerResponse,
    recorded: Recorded,
  ): Promise<void> {
    const { session, device } = recorded
    if (device.capture !== 'dom' || request.method !== 'POST') throw new TravessiaError('NOT_FOUND')
    const standing = this.#standingOf(session)
    const { keptAt, bytes } = standing
    try {
      await this.#take(request, recorded, standing)
    } catch (error) {
      const code = error instanceof TravessiaError ? error.code : 'INTERNAL'
      const cause = isUsedUp(bytes) ? 'session-limit' : (gapCauseOf[code] ?? 'store')
      this.#gaps.note(recorded, cause, keptAt)
      throw error
    }
    response.writeHead(204, { 'cache-control': 'no-store' }).end()
  }

  stop(): Promise<void> {
    return this.#gaps.stop()
  }

  async #take(request: IncomingMessage, recorded: Recorded, standing: Standing): Promise<void> {
    admit(standing)
    standing.underWay += 1
    try {
      await this.#uploads.take(request, async (text) => {
        const message = messageOf(text)
        if ('lost' in message) return this.#gaps.note(recorded, message.lost, standing.keptAt)
        const clean = Buffer.from(redactAddresses(text.toString('latin1')), 'latin1')
        standing.bytes += clean.length
        await this.#keep(recorded, message, clean)
        standing.keptAt = this.#deps.now()
      })
    } finally {
      standing.underWay -= 1
    }
  }

  #standingOf(session: LiveSession): Standing {
    const now = this.#deps.now()
    const fresh = { bytes: 0, batches: batchesAtOnce, seenAt: now, underWay: 0, keptAt: undefined }
    const standing = this.#standing.get(session) ?? fresh
    this.#standing.set(session, standing)
    const regained = ((now - standing.seenAt) / 1_000) * batchesPerSecond
    standing.batches = Math.min(batchesAtOnce, standing.batches + Math.max(0, regained))
    standing.seenAt = now
    return standing
  }

  async #keep({ session, device }: Recorded, message: Kept, text: Buffer): Promise<void> {
    const { store, blobs, now } = this.#deps
    const { tenantId, userId, id: sessionId } = session
    const { id: deviceId, installationId } = device
    const lastMs = now()
    const timeOf = (ms: number) => new Date(Math.max(0, ms)).toISOString()
    const { events, spanMs } = extentOf(message)
    const ref = await blobs.put(tenantId, userId, text)
    const data = {
      ...{ ref, digest: `sha256:${createHash('sha256').update(text).digest('hex')}` },
      ...{ bytes: text.length, events },
      // Its clock is its own: what was sent ended when it came.
      ...{ firstAt: timeOf(lastMs - spanMs), lastAt: timeOf(lastMs) },
    }
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

type Kept = Exclude<DomMessage, { readonly lost: unknown }>

/** An event in pieces counts with its last one. */
function extentOf(message: Kept): { events: number; spanMs: number } {
  if ('piece' in message) {
    const { index, count } = message.piece
    return { events: index === count - 1 ? 1 : 0, spanMs: 0 }
  }
  const times = message.events.map(({ timestamp }) => timestamp)
  return { events: times.length, spanMs: Math.max(...times) - Math.min(...times) }
}

function isUsedUp(bytes: number): boolean {
  return bytes >= maxSessionBytes
}

/** @throws TravessiaError RATE_LIMITED, REQUEST_TOO_LARGE: the session's share is used up */
function admit(standing: Standing): void {
  if (isUsedUp(standing.bytes)) throw new TravessiaError('REQUEST_TOO_LARGE')
  if (standing.batches < 1 || standing.underWay >= underWayAtOnce)
    throw new TravessiaError('RATE_LIMITED')
  standing.batches -= 1
}

/** @throws TravessiaError MESSAGE_INVALID */
function messageOf(text: Buffer): DomMessage {
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch {
    throw new TravessiaError('MESSAGE_INVALID')
  }
  if (!isMessage(value)) throw new TravessiaError('MESSAGE_INVALID')
  return value
}
