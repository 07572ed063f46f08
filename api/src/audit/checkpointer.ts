/**
 * Follows the log and signs a checkpoint of each tenant that has something new, each second or each 1,000 events. In memory
 * is only the frontier of each tree, made anew from the log after a start; on the way it is compared with what was signed
 * last, and nothing is signed before. Killed at any line: a checkpoint is kept or not, and the next start goes on from there.
 */
import { hash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import { idFromBytes, systemTenantId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { EvidenceKeys } from '../identity/evidence-keys.ts'
import type { EventStore } from '../store/event-store.ts'
import type { KeptCheckpoint } from '../store/evidence-log.ts'
import { checkpointText, originOf } from './checkpoint.ts'
import { Frontier } from './merkle.ts'

const everyMs = 1_000
const everyEvents = 1_000
const pageLeaves = 1_000

type Deps = {
  readonly store: EventStore
  readonly evidenceKeys: EvidenceKeys
  readonly nodeId: string
  readonly now: () => number
  readonly log: Logger
}

/** One tenant's log, as far as it was read. */
type Tree = {
  readonly tenantId: string
  readonly frontier: Frontier
  position: number
  /** What was signed last: the log must lead there before more is signed. */
  signed: KeptCheckpoint | undefined
  isDamaged: boolean
  /** One reads at a time. */
  reading: Promise<void>
}

export class Checkpointer {
  readonly #deps: Deps
  readonly #trees = new Map<string, Promise<Tree>>()
  #seen = 0
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    await this.#recordKeys()
    const { store } = this.#deps
    this.#unsubscribe = store.onAppended((position) => {
      if (position - this.#seen >= everyEvents) this.#wake()
    })
    this.#timer = setInterval(() => this.#wake(), everyMs)
    this.#wake()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#unsubscribe?.()
    await this.#running
  }

  /**
   * Signed now over everything that the log has of this tenant, or before if nothing was added.
   * @throws TravessiaError STORE_UNAVAILABLE: the log is not what was signed
   */
  async fresh(tenantId: string): Promise<KeptCheckpoint> {
    const tree = await this.#catchUp(tenantId)
    await this.#sign([tree])
    if (tree.isDamaged || !tree.signed)
      throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'nothing to sign' })
    return tree.signed
  }

  #wake(): void {
    this.#running ??= this.#follow()
      .catch((error: unknown) =>
        this.#deps.log.error({ err: error }, 'no checkpoint made, trying again'),
      )
      .finally(() => {
        this.#running = undefined
      })
  }

  async #follow(): Promise<void> {
    const { store } = this.#deps
    const head = await store.head()
    if (head === this.#seen) return
    const trees: Tree[] = []
    for (const { tenantId, size } of await store.evidence.sizes()) {
      const known = await this.#trees.get(tenantId)
      if (!known || known.frontier.size < size) trees.push(await this.#catchUp(tenantId))
    }
    await this.#sign(trees)
    this.#seen = head
  }

  async #catchUp(tenantId: string): Promise<Tree> {
    const known = this.#trees.get(tenantId) ?? this.#open(tenantId)
    this.#trees.set(tenantId, known)
    const tree = await known
    tree.reading = tree.reading.then(() => this.#read(tree))
    await tree.reading
    return tree
  }

  async #open(tenantId: string): Promise<Tree> {
    const signed = await this.#deps.store.evidence.newestCheckpoint(tenantId)
    const reading = Promise.resolve()
    return { tenantId, frontier: new Frontier(), position: 0, signed, isDamaged: false, reading }
  }

  async #read(tree: Tree): Promise<void> {
    const { evidence } = this.#deps.store
    const { frontier, tenantId } = tree
    while (!tree.isDamaged) {
      const leaves = await evidence.readLeaves(tenantId, {
        after: tree.position,
        limit: pageLeaves,
      })
      for (const { position, logIndex, hash: leaf } of leaves) {
        if (logIndex !== frontier.size) return this.#refuse(tree)
        frontier.push(leaf)
        tree.position = position
        const { signed } = tree
        if (frontier.size === signed?.size && !frontier.root().equals(signed.root))
          return this.#refuse(tree)
      }
      if (leaves.length < pageLeaves) break
      await breathe()
    }
    if (frontier.size < (tree.signed?.size ?? 0)) this.#refuse(tree)
  }

  /** Somebody has changed what was signed. What is done from now on could not be proven. */
  #refuse(tree: Tree): void {
    if (tree.isDamaged) return
    tree.isDamaged = true
    const { log, store } = this.#deps
    const { tenantId, frontier, signed } = tree
    store.evidence.refuse(tenantId)
    log.error(
      { tenantId, atEvent: frontier.size, signedSize: signed?.size },
      'the log of a tenant is not what was signed: nothing more is written to it',
    )
  }

  /** Those that have grown since their last one, in one commit. */
  async #sign(trees: readonly Tree[]): Promise<void> {
    const { store, evidenceKeys, nodeId, now } = this.#deps
    const at = new Date(now()).toISOString()
    const grown = trees.filter(
      ({ isDamaged, frontier, signed }) => !isDamaged && frontier.size > (signed?.size ?? 0),
    )
    const made = grown.map(({ tenantId, frontier }) => {
      const origin = originOf(nodeId, tenantId)
      const [size, root] = [frontier.size, frontier.root()]
      const note = evidenceKeys.sign(origin, checkpointText({ origin, size, root }))
      return { tenantId, size, root, note, at }
    })
    if (made.length > 0) await store.evidence.keep(made)
    for (const [index, tree] of grown.entries()) {
      const one = made[index]
      if (one && one.size > (tree.signed?.size ?? 0)) tree.signed = one
    }
  }

  /** Each key is a fact of the deployment, once. */
  async #recordKeys(): Promise<void> {
    const { store, evidenceKeys, nodeId, now } = this.#deps
    const actor = { type: 'system', id: nodeId } as const
    for (const bytes of evidenceKeys.publicKeys()) {
      const streamId = idFromBytes(hash('sha256', bytes, 'buffer').subarray(0, 16))
      const context = { actor, at: new Date(now()).toISOString(), correlationId: streamId }
      const data = { publicKey: bytes.toString('base64') }
      await store
        .append({
          ...{ tenantId: systemTenantId, streamKind: 'system', streamId, expected: 'none' },
          events: [{ ...context, type: 'EvidenceKeyAdded', data }],
        })
        .catch((error: unknown) => {
          if (!(error instanceof TravessiaError && error.code === 'CONFLICT')) throw error
        })
    }
  }
}
