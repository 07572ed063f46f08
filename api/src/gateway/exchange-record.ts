/**
 * The facts of one exchange: its head before anything is sent (durable, unless the device is recorded
 * `relaxed` and the method is safe), its end afterwards with lengths and digests. Killed in between: the next
 * start finds the head without an end and writes `HttpExchangeFailed{stage: crash}`.
 */
import { createHash, type Hash } from 'node:crypto'
import { Transform } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { BodyFacts } from '@travessia/schemas/captured'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, SessionFact } from '@travessia/schemas/events'
import { newTimeId } from '@travessia/schemas/ids'
import { redactHeaders, redactUrl } from '@travessia/schemas/redact'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import type { BodyCopy } from './body-copy.ts'
import type { Capture } from './capture.ts'

const emptyDigest = `sha256:${createHash('sha256').digest('hex')}`
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whose exchange it is; `streamId` is the session, or the request itself for the API proxy. */
export type ExchangeOwner = {
  readonly tenantId: string
  readonly sessionId: string | undefined
  readonly userId: string
  readonly installationId: string
  readonly deviceId: string
  readonly recording: 'strict' | 'relaxed'
  /** Absent: `heads`. */
  readonly capture?: 'heads' | 'bodies' | 'dom'
  /** Where the session counts what passed. */
  readonly totals?: { requests: number; bytesIn: number; bytesOut: number }
  /** Where it counts what was kept of them. */
  readonly captured?: { bytes: number }
}

export type ExchangeHead = {
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
}

type Deps = {
  readonly store: EventStore
  readonly capture?: Capture
  readonly now: () => number
  readonly log: Logger
}
type Stage = 'gateway' | 'agent' | 'device' | 'browser'

export class ExchangeRecord {
  readonly requestId: string
  readonly request: Meter
  readonly response: Meter
  readonly #deps: Deps
  readonly #owner: ExchangeOwner
  readonly #startedAt: number
  /** For what its body is. */
  readonly #headers: readonly string[]
  #firstByteMs = 0
  #isEnded = false

  private constructor(deps: Deps, owner: ExchangeOwner, headers?: readonly string[]) {
    this.#deps = deps
    this.#owner = owner
    this.#headers = headers ?? []
    const copyFor = () => (headers ? deps.capture?.copyFor(owner) : undefined)
    this.request = new Meter(copyFor())
    this.response = new Meter(copyFor())
    this.#startedAt = performance.now()
    this.requestId = newTimeId(deps.now())
  }

  /** @throws TravessiaError STORE_UNAVAILABLE: nothing may be sent */
  static async begin(
    deps: Deps,
    owner: ExchangeOwner,
    head: ExchangeHead,
  ): Promise<ExchangeRecord> {
    const record = new ExchangeRecord(deps, owner, head.headers)
    const data = {
      requestId: record.requestId,
      method: head.method,
      path: redactUrl(head.path),
      headers: redactHeaders(head.headers),
    }
    const written = record.#append({ type: 'HttpRequestForwarded', data })
    if (owner.recording === 'strict' || !safeMethods.has(head.method)) await written
    else {
      written.catch((error: unknown) => record.#lost(error))
      // Not the commit, but a store that refuses at once is heard: down means no access.
      await Promise.race([written, setImmediate()])
    }
    return record
  }

  /** The same for a WebSocket: durable before its 101. */
  static async open(deps: Deps, owner: ExchangeOwner, head: ExchangeHead): Promise<ExchangeRecord> {
    const record = new ExchangeRecord(deps, owner)
    const { requestId } = record
    const data = { requestId, path: redactUrl(head.path), headers: redactHeaders(head.headers) }
    await record.#append({ type: 'WebSocketOpened', data })
    return record
  }

  /** Nothing is sent of it. @throws TravessiaError STORE_UNAVAILABLE */
  static async refuse(
    deps: Deps,
    owner: ExchangeOwner,
    { method, path, errorCode }: Omit<ExchangeHead, 'headers'> & { errorCode: ErrorCode },
  ): Promise<void> {
    const record = new ExchangeRecord(deps, owner)
    const data = { requestId: record.requestId, method, path: redactUrl(path), errorCode }
    await record.#append({ type: 'HttpRequestRefused', data })
  }

  answered(): void {
    this.#firstByteMs = this.#elapsedMs()
  }

  ended(status: number, headers: readonly string[]): void {
    const [requestBody, responseBody] = [this.request.facts(), this.response.facts()]
    const data = {
      ...{ requestId: this.requestId, status, headers: redactHeaders(headers) },
      ...{ requestBody, responseBody },
      ...{ durationMs: this.#elapsedMs(), firstByteMs: this.#firstByteMs },
    }
    const type = 'HttpResponseReceived'
    const { capture } = this.#deps
    if (!capture || (!this.request.copy && !this.response.copy)) return this.#end({ type, data })
    if (!this.#finish()) return
    const at = this.#deps.now()
    const written = this.#withCopies({ requestBody, responseBody }, headers)
      .then((bodies) => this.#append({ type, data: { ...data, ...bodies } }, at))
      .catch((error: unknown) => this.#lost(error))
    capture.follow(written)
  }

  async #withCopies(
    { requestBody, responseBody }: { requestBody: BodyFacts; responseBody: BodyFacts },
    headers: readonly string[],
  ) {
    const { capture } = this.#deps
    const [sent, got] = await Promise.all([
      capture?.keep(this.#owner, this.request.copy, this.#headers),
      capture?.keep(this.#owner, this.response.copy, headers),
    ])
    return { requestBody: { ...requestBody, ...sent }, responseBody: { ...responseBody, ...got } }
  }

  failed(errorCode: ErrorCode, stage: Stage): void {
    const { requestId } = this
    const { bytes: responseBytes } = this.response.facts()
    const durationMs = this.#elapsedMs()
    this.#end({
      type: 'HttpExchangeFailed',
      data: { requestId, stage, errorCode, durationMs, responseBytes },
    })
  }

  closed(code: number, frames: { readonly in: number; readonly out: number }): void {
    this.#end({
      type: 'WebSocketClosed',
      data: {
        ...{ requestId: this.requestId, code, framesIn: frames.in, framesOut: frames.out },
        bytesIn: this.request.facts().bytes,
        bytesOut: this.response.facts().bytes,
      },
    })
  }

  /** Counted once. @returns false: it had ended already */
  #finish(): boolean {
    if (this.#isEnded) return false
    this.#isEnded = true
    const { totals } = this.#owner
    if (totals) {
      totals.requests += 1
      totals.bytesIn += this.request.facts().bytes
      totals.bytesOut += this.response.facts().bytes
    }
    return true
  }

  #end(fact: SessionFact): void {
    if (!this.#finish()) return
    for (const { copy } of [this.request, this.response]) copy?.drop()
    this.#append(fact).catch((error: unknown) => this.#lost(error))
  }

  async #append(fact: SessionFact, at = this.#deps.now()): Promise<void> {
    const { tenantId, sessionId, userId, installationId, deviceId } = this.#owner
    const event: EventContext & SessionFact = {
      actor: { type: 'user', id: userId },
      at: new Date(at).toISOString(),
      installationId,
      deviceId,
      correlationId: this.requestId,
      ...fact,
    }
    await this.#deps.store.append({
      tenantId,
      streamKind: 'session',
      streamId: sessionId ?? this.requestId,
      expected: 'any',
      events: [sessionId === undefined ? event : { ...event, sessionId }],
    })
  }

  #lost(error: unknown): void {
    this.#deps.log.error({ err: error, requestId: this.requestId }, 'event not recorded')
  }

  #elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }
}

/** Counts and digests the bytes that pass, and copies them where that is wanted. */
export class Meter {
  readonly copy: BodyCopy | undefined
  /** Most requests have no body. */
  #hash: Hash | undefined
  #bytes = 0
  #digest: string | undefined

  constructor(copy?: BodyCopy) {
    this.copy = copy
  }

  /** What comes after the end was recorded is not counted any more. */
  add(chunk: Uint8Array): void {
    if (this.#digest !== undefined) return
    this.#bytes += chunk.length
    this.#hash ??= createHash('sha256')
    this.#hash.update(chunk)
    this.copy?.add(chunk)
  }

  /** Hands pieces on. @param expected as for `stream`. @throws TravessiaError DEVICE_PROTOCOL */
  async *checked(pieces: AsyncIterable<Uint8Array>, expected?: number): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.add(piece)
      if (expected !== undefined && this.#bytes > expected) throw this.#mismatch(expected)
      yield piece
    }
    if (expected !== undefined && this.#bytes < expected) throw this.#mismatch(expected)
  }

  /**
   * @param expected the length that the head announced: more or less of it is an error, so that the browser sees a
   * broken answer and never the start of the next one
   */
  stream(expected?: number): Transform {
    return new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        this.add(chunk)
        if (expected !== undefined && this.#bytes > expected) done(this.#mismatch(expected))
        else done(null, chunk)
      },
      flush: (done) =>
        done(expected !== undefined && this.#bytes < expected ? this.#mismatch(expected) : null),
    })
  }

  #mismatch(expected: number): TravessiaError {
    return new TravessiaError('DEVICE_PROTOCOL', { expected, bytes: this.#bytes })
  }

  facts(): { bytes: number; digest: string } {
    this.#digest ??= this.#hash ? `sha256:${this.#hash.digest('hex')}` : emptyDigest
    return { bytes: this.#bytes, digest: this.#digest }
  }
}

/** Said by the agent, of a request that this node had let through. */
const refusedByAgent = new Set<ErrorCode>(['SESSION_READ_ONLY', 'GRANT_REFUSED'])

/** At whose end a failure happened. */
export function stageOf(code: ErrorCode): Stage {
  if (code.startsWith('DEVICE_')) return 'device'
  return code.startsWith('AGENT_') ||
    code.startsWith('TUNNEL_') ||
    code === 'TARGET_FORBIDDEN' ||
    refusedByAgent.has(code)
    ? 'agent'
    : 'gateway'
}
