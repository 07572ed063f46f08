/** An export in the log: what was asked for before anything goes out, and in the same stream what went out when it has ended. */
import { createHash } from 'node:crypto'
import type { EventContext, Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import { recordUnlessDamaged } from './damaged-log.ts'

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly log: Pick<Logger, 'warn'>
}

export class ExportRecord {
  readonly #deps: Deps
  readonly #stream: { readonly tenantId: string; readonly streamId: string }
  readonly #digest = createHash('sha256')
  #begun: Promise<void> | undefined
  #isWhole = false
  #events = 0
  #bytes = 0

  constructor(deps: Deps, tenantId: string) {
    this.#deps = deps
    this.#stream = { tenantId, streamId: newId() }
  }

  /** Durable when it resolves; only then the file may go out. @throws TravessiaError STORE_UNAVAILABLE */
  begin(context: EventContext, data: Fact<'AuditExported'>['data']): Promise<void> {
    this.#begun = this.#append('none', { ...context, type: 'AuditExported', data })
    return this.#begun
  }

  readonly seen = (events: number): void => {
    this.#events += events
  }

  /** What goes out, as it passes. */
  async *file(chunks: AsyncIterable<string | Uint8Array>): AsyncGenerator<string | Uint8Array> {
    for await (const chunk of chunks) {
      this.#digest.update(chunk)
      this.#bytes += Buffer.byteLength(chunk)
      yield chunk
    }
    this.#isWhole = true
  }

  /**
   * The file is what it is by then: where this cannot be written, it is said in the node's own log.
   * @param isSent the connection took all that it was given
   */
  async end(context: EventContext, isSent: boolean): Promise<void> {
    const isBegun = await this.#begun?.then(
      () => true,
      () => false,
    )
    if (!isBegun) return
    const data = {
      outcome: this.#isWhole && isSent ? 'complete' : 'broken',
      ...{ events: this.#events, bytes: this.#bytes, sha256: this.#digest.digest('hex') },
    } as const
    await this.#append(1, { ...context, type: 'AuditExportEnded', data }).catch((error: unknown) =>
      this.#deps.log.warn(
        { err: error, ...this.#stream, ...data },
        'the end of an export is not in the log',
      ),
    )
  }

  async #append(
    expected: 'none' | 1,
    event: EventContext & Fact<'AuditExported' | 'AuditExportEnded'>,
  ): Promise<void> {
    const append = { ...this.#stream, streamKind: 'audit', expected, events: [event] } as const
    await recordUnlessDamaged(this.#deps, append)
  }
}
