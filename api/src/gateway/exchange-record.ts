/**
 * The facts of one exchange: its head before anything is sent (durable, unless the device is recorded
 * `relaxed` and the method is safe), its end afterwards with lengths and digests. Killed in between: the next
 * start finds the head without an end and writes `HttpExchangeFailed{stage: crash}`.
 */
import type { BodyFacts } from '@travessia/schemas/captured'
import type { ErrorCode } from '@travessia/schemas/errors'
import type { EventContext, SessionFact } from '@travessia/schemas/events'
import { newTimeId } from '@travessia/schemas/ids'
import { redactHeaders, redactUrl } from '@travessia/schemas/redact'
import type { Logger } from 'pino'
import type { Append, EventStore } from '../store/event-store.ts'
import type { AnswerHead } from './answer-head.ts'
import type { Capture, Kept } from './capture.ts'
import { Meter } from './meter.ts'

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

type ExchangeHead = {
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  /** The same as the log may hold them, where somebody knows it already. */
  readonly redacted?: string[]
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
  readonly #lost = (error: unknown) =>
    this.#deps.log.error({ err: error, requestId: this.requestId }, 'event not recorded')
  #firstByteMs = 0
  #isEnded = false

  private constructor(deps: Deps, owner: ExchangeOwner, headers?: readonly string[]) {
    this.#deps = deps
    this.#owner = owner
    this.#headers = headers ?? []
    const { capture } = deps
    const isWhole = capture !== undefined && headers !== undefined
    this.request = new Meter(isWhole ? () => capture.copyOfRequest(owner, headers) : undefined)
    this.response = new Meter(isWhole ? () => capture.copyOfAnswer(owner) : undefined)
    this.#startedAt = performance.now()
    this.requestId = newTimeId(deps.now())
  }

  /** @returns when something may be sent. @throws TravessiaError STORE_UNAVAILABLE: nothing may be */
  static begin(
    deps: Deps,
    owner: ExchangeOwner,
    head: ExchangeHead,
  ): ExchangeRecord | Promise<ExchangeRecord> {
    const record = new ExchangeRecord(deps, owner, head.headers)
    const data = {
      requestId: record.requestId,
      method: head.method,
      path: redactUrl(head.path),
      headers: head.redacted ?? redactHeaders(head.headers),
    }
    // Not the commit, but a store that refuses at once is heard: down means no access.
    const isAwaited = owner.recording === 'strict' || !safeMethods.has(head.method)
    const append = record.#appendOf({ type: 'HttpRequestForwarded', data })
    const written = deps.store.take(append, isAwaited ? 'now' : 'soon')
    if (isAwaited) return written.then(() => record)
    written.catch(record.#lost)
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

  ended({ status, headers, redacted }: AnswerHead): void {
    const [requestBody, responseBody] = [this.request.facts(), this.response.facts()]
    const data = {
      requestId: this.requestId,
      status,
      headers: redacted,
      requestBody,
      responseBody,
      durationMs: this.#elapsedMs(),
      firstByteMs: this.#firstByteMs,
    }
    const type = 'HttpResponseReceived'
    const { capture } = this.#deps
    if (!capture || (!this.request.copy && !this.response.copy)) return this.#end({ type, data })
    if (!this.#finish()) return
    const at = this.#deps.now()
    const written = this.#withCopies({ requestBody, responseBody }, { capture, headers })
      .then((bodies) => this.#append({ type, data: { ...data, ...bodies } }, at))
      .catch(this.#lost)
    capture.follow(written)
  }

  async #withCopies(
    { requestBody, responseBody }: { requestBody: BodyFacts; responseBody: BodyFacts },
    { capture, headers }: { capture: Capture; headers: readonly string[] },
  ) {
    const { request, response } = this
    const [sent, got] = await Promise.all([
      capture.keep(this.#owner, request.copy, this.#headers),
      capture.keep(this.#owner, response.copy, headers),
    ])
    // Of an answer that could not be looked through it stays.
    const answered = got.digestLeftOut === 'secret' ? got : { facts: got.facts }
    return { requestBody: told(requestBody, sent), responseBody: told(responseBody, answered) }
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
    this.request.copy?.drop()
    this.response.copy?.drop()
    try {
      this.#deps.store.take(this.#appendOf(fact), 'soon').catch(this.#lost)
    } catch (error) {
      this.#lost(error)
    }
  }

  async #append(fact: SessionFact, at = this.#deps.now()): Promise<void> {
    await this.#deps.store.append(this.#appendOf(fact, at))
  }

  #appendOf({ type, data }: SessionFact, at = this.#deps.now()): Append {
    const { tenantId, sessionId, userId, installationId, deviceId } = this.#owner
    const event = {
      actor: { type: 'user', id: userId },
      at: isoTime(at),
      installationId,
      deviceId,
      correlationId: this.requestId,
      type,
      data,
    } as EventContext & SessionFact
    return {
      tenantId,
      streamKind: 'session',
      streamId: sessionId ?? this.requestId,
      expected: 'any',
      events: [sessionId === undefined ? event : Object.assign(event, { sessionId })],
    }
  }

  #elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 10) / 10
  }
}

/** By the digest of a body whoever reads the log can try what stands in it. */
function told({ digest, ...passed }: BodyFacts, { facts, digestLeftOut }: Kept): BodyFacts {
  if (digestLeftOut) return { ...passed, digestLeftOut, ...facts }
  return { ...passed, ...(digest === undefined ? {} : { digest }), ...facts }
}

let lastMs = Number.NaN
let lastTime = ''

/** Many events have the same millisecond. */
function isoTime(ms: number): string {
  if (ms !== lastMs) lastTime = new Date(ms).toISOString()
  lastMs = ms
  return lastTime
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
