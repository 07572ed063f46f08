/**
 * Copies of the bodies of an exchange, where the device's policy wants them, and of the beginning of any request that may name
 * secrets: of a body with one the event has no digest, by which a password could be guessed. Copies are kept before the event
 * that names them, and whatever goes wrong with them costs the exchange nothing: the event says what was left out.
 * Killed in between: the exchange ends as one of a crash, and what was kept of it is swept a day later.
 */
import type { CopyFacts, DigestLeftOut } from '@travessia/schemas/captured'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Logger } from 'pino'
import type { BlobStore } from '../store/blob-store.ts'
import { BodyCopy, CopyRoom } from './body-copy.ts'
import { CopyMaker } from './copy-maker.ts'
import { headerOf } from './headers.ts'
import { Slots } from './slots.ts'

export const maxSessionBytes = 50 * 1024 * 1024
const maxNodeBytes = 64 * 1024 * 1024
/** Of a request that is not kept: so much of it is looked through for secrets, if it is of a kind that names them. */
const maxLookBytes = 64 * 1024
const naming = /^\s*$|text|json|xml|form|multipart|script|yaml/i
/** At the disk at once, and the longest that an event waits for a copy. */
const writers = 4
const maxWaiting = 10_000
const usualMs = 3_000

/** Whose bodies they are; `captured` counts what was kept of the session. */
type CaptureOwner = {
  readonly tenantId: string
  readonly userId: string
  readonly capture?: 'heads' | 'bodies' | 'dom'
  readonly captured?: { bytes: number }
}

/** What is known by now of its digest. */
type Seen = { digestLeftOut: DigestLeftOut | undefined }
type Said = { readonly mediaType: string; readonly coding: string; readonly seen: Seen }
export type Kept = { readonly facts: CopyFacts } & Partial<Readonly<Seen>>

type Deps = {
  readonly blobs: Pick<BlobStore, 'put'>
  readonly log: Logger
  readonly withinMs?: number
}

export class Capture {
  readonly #deps: Required<Deps>
  readonly #room = new CopyRoom(maxNodeBytes)
  readonly #slots = new Slots(writers, maxWaiting)
  readonly #maker = new CopyMaker()
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(deps: Deps) {
    this.#deps = { withinMs: usualMs, ...deps }
  }

  /** undefined: nothing is kept of it, nor looked for in it. */
  copyOfRequest(owner: CaptureOwner, headers: readonly string[]): BodyCopy | undefined {
    const { capture = 'heads' } = owner
    if (capture !== 'heads' && !isFull(owner)) return new BodyCopy(this.#room)
    const mayName = naming.test(headerOf(headers, 'content-type') ?? '')
    if (capture === 'heads' && !mayName) return undefined
    const notKept = capture === 'heads' ? 'unwanted' : 'session-limit'
    return new BodyCopy(this.#room, { notKept, maxBytes: mayName ? maxLookBytes : 0 })
  }

  copyOfAnswer(owner: CaptureOwner): BodyCopy | undefined {
    if ((owner.capture ?? 'heads') === 'heads') return undefined
    return new BodyCopy(this.#room, isFull(owner) ? { notKept: 'session-limit', maxBytes: 0 } : {})
  }

  /** What the event says of the copy, and of the digest. Never throws, and never takes longer than the limit. */
  async keep(
    owner: CaptureOwner,
    copy: BodyCopy | undefined,
    headers: readonly string[],
  ): Promise<Kept> {
    if (!copy || copy.isEmpty) return { facts: {} }
    const mediaType = headerOf(headers, 'content-type') ?? ''
    const coding = (headerOf(headers, 'content-encoding') ?? 'identity').trim().toLowerCase()
    const { withinMs } = this.#deps
    const seen: Seen = { digestLeftOut: naming.test(mediaType) ? 'unread' : undefined }
    const late = Promise.withResolvers<CopyFacts>()
    const timer = setTimeout(() => late.resolve({ leftOut: 'store' }), withinMs)
    const kept = this.#keep(owner, copy, { mediaType, coding, seen })
      .catch((error: unknown) => this.#failed(error))
      .finally(() => copy.drop())
    const facts = await Promise.race([kept, late.promise]).finally(() => clearTimeout(timer))
    return { facts: copy.notKept === 'unwanted' ? {} : facts, ...seen }
  }

  /** Work that must have ended before the log is closed. */
  follow(work: Promise<unknown>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }

  /** When the last events have been written. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#maker.stop()
  }

  async #keep(
    { tenantId, userId, captured }: CaptureOwner,
    copy: BodyCopy,
    { mediaType, coding, seen }: Said,
  ): Promise<CopyFacts> {
    if (copy.isBusy) return { leftOut: 'busy' }
    const { notKept, maxBytes } = copy
    const order = { coding, mediaType, maxBytes }
    const made = maxBytes > 0 && (await this.#maker.make({ ...order, bytes: copy.whole() }))
    if (made) seen.digestLeftOut = made.hadSecret ? 'secret' : undefined
    if (notKept) return notKept === 'unwanted' ? {} : { leftOut: notKept }
    if (!made) return { leftOut: 'coding' }
    const size = made.bytes.length
    if (captured && captured.bytes + size > maxSessionBytes) return { leftOut: 'session-limit' }
    if (captured) captured.bytes += size
    const ref = await this.#put(tenantId, userId, made.bytes)
    return {
      ...{ ref, copyBytes: size, copyDigest: made.digest },
      ...(copy.isCut || made.isCut ? { truncated: true } : {}),
      ...(shownType(mediaType) ? { mediaType: shownType(mediaType) } : {}),
    }
  }

  async #put(tenantId: string, userId: string, bytes: Uint8Array): Promise<string> {
    const { blobs, withinMs } = this.#deps
    const release = await this.#slots.take(AbortSignal.timeout(withinMs))
    try {
      return await blobs.put(tenantId, userId, bytes)
    } finally {
      release()
    }
  }

  #failed(error: unknown): CopyFacts {
    const code = error instanceof TravessiaError ? error.code : undefined
    if (code === 'TUNNEL_BUSY') return { leftOut: 'busy' }
    if (code === 'BLOBS_FULL') return { leftOut: 'full' }
    this.#deps.log.error({ err: error }, 'body not captured')
    return { leftOut: 'store' }
  }
}

function isFull({ captured }: CaptureOwner): boolean {
  return captured !== undefined && captured.bytes >= maxSessionBytes
}

/** Type and charset, of what a device may call anything. */
function shownType(mediaType: string): string {
  const [, type = ''] = /^\s*([\w.+-]{1,60}\/[\w.+-]{1,60})/.exec(mediaType) ?? []
  const [, charset] = /;\s*charset="?([\w-]{1,40})/i.exec(mediaType) ?? []
  return `${type.toLowerCase()}${type && charset ? `; charset=${charset.toLowerCase()}` : ''}`
}
