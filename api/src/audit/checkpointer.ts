/**
 * Follows the log and signs a checkpoint of each tenant that has something new, each second or each 1,000 events. In memory
 * are only the upper hashes of each tree, made anew from the log after a start; on the way it is compared with what was signed
 * last, and nothing is signed before; afterwards it is looked at again slowly (`recheck.ts`). Killed at any line: a checkpoint
 * is kept or not, and the next start goes on from there. What was found damaged stays so across starts, until it is as it was.
 */
import { hash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as breathe } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import { isSame, toBase64 } from '@travessia/schemas/evidence/bytes'
import { checkpointText, originOf } from '@travessia/schemas/evidence/checkpoint'
import { consistencySpans } from '@travessia/schemas/evidence/merkle'
import { idFromBytes, systemTenantId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { EvidenceKeys } from '../identity/evidence-keys.ts'
import { createRounds } from '../rounds.ts'
import type { EventStore } from '../store/event-store.ts'
import type { KeptCheckpoint } from '../store/evidence-log.ts'
import { recordUnlessDamaged } from './damaged-log.ts'
import { KnownDamage } from './known-damage.ts'
import { firstAlteredBeside, Recheck } from './recheck.ts'
import { TreeHashes } from './tree-hashes.ts'

const everyMs = 1_000
const everyEvents = 1_000
const pageLeaves = 1_000

type Deps = {
  readonly store: EventStore
  readonly evidenceKeys: EvidenceKeys
  /** Where damage is remembered: that of the secrets. */
  readonly database: DatabaseSync
  readonly nodeId: string
  readonly now: () => number
  readonly log: Logger
}

/** One tenant's log, as far as it was read. */
type Tree = {
  readonly tenantId: string
  readonly hashes: TreeHashes
  /** What was signed last: the log must lead there before more is signed. */
  signed: KeptCheckpoint | undefined
  isDamaged: boolean
  /** Where, as far as that is known. */
  damagedAt?: number
  /** One reads at a time. */
  reading: Promise<void>
}

type KeyFact =
  | { readonly type: 'EvidenceKeyAdded'; readonly expected: 'none' }
  | { readonly type: 'EvidenceKeyRetired'; readonly expected: 1 }

export class Checkpointer {
  readonly #deps: Deps
  readonly #trees = new Map<string, Promise<Tree>>()
  readonly #opened: Tree[] = []
  readonly #recheck: Recheck
  readonly #damage: KnownDamage
  #seen = 0
  /** Version of the keys that are facts of the log. */
  #recordedKeys = 0
  readonly #following = createRounds(
    everyMs,
    () => this.#follow(),
    (error) => this.#deps.log.error({ err: error }, 'no checkpoint made, trying again'),
  )
  readonly #lookingAgain = createRounds(
    everyMs,
    async () => this.#seen > 0 && this.#recheck.second(),
    (error) => this.#deps.log.warn({ err: error }, 'log not looked at again'),
  )
  #unsubscribe: (() => void) | undefined

  constructor(deps: Deps) {
    this.#deps = deps
    this.#damage = new KnownDamage(deps.database)
    const { evidence } = deps.store
    const altered = (tenantId: string, logIndex: number) => {
      this.#altered(tenantId, logIndex).catch((error: unknown) =>
        deps.log.error({ err: error, tenantId }, 'damage not remembered'),
      )
    }
    evidence.onAltered(altered)
    this.#recheck = new Recheck({ evidence, logs: () => this.#opened, altered })
  }

  /** Before anything is written to a customer's log. */
  async start(): Promise<void> {
    for (const { tenantId, logIndex } of this.#damage.all())
      await this.#lookAgain(tenantId, logIndex)
    await this.#recordKeys()
    const { store } = this.#deps
    this.#unsubscribe = store.onAppended((position) => {
      if (position - this.#seen >= everyEvents) this.#following.wake()
    })
    void this.#following.start()
    void this.#lookingAgain.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.()
    await Promise.all([this.#following.stop(), this.#lookingAgain.stop()])
  }

  /**
   * Signed now over everything that the log has of this tenant, or before if nothing was added; of a damaged log the last one, which
   * it does not match any more.
   * @throws TravessiaError STORE_UNAVAILABLE: nothing was ever signed
   */
  async fresh(tenantId: string): Promise<KeptCheckpoint> {
    const tree = await this.#catchUp(tenantId)
    await this.#sign([tree])
    if (!tree.signed) throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'nothing to sign' })
    return tree.signed
  }

  /**
   * That the log of `size` events, at most what is signed, begins with its first `from` events: a proof for a witness.
   * @throws TravessiaError STORE_UNAVAILABLE: the log is not what was signed; RangeError for sizes that it never had
   */
  async proof(tenantId: string, from: number, size: number): Promise<Uint8Array[]> {
    const { hashes, isDamaged } = await this.#catchUp(tenantId)
    if (isDamaged) throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' })
    const readRow = async (after: number, limit: number) => {
      const leaves = await this.#deps.store.evidence.readLeaves(tenantId, { after, limit })
      return leaves.map(({ hash }) => hash)
    }
    const proof: Uint8Array[] = []
    for (const span of consistencySpans(from, size)) proof.push(await hashes.hashOf(span, readRow))
    return proof
  }

  /** How far this tenant's log is signed, and whether it still leads there; signs nothing. */
  async standing(tenantId: string): Promise<Omit<Tree, 'tenantId' | 'reading'>> {
    return this.#catchUp(tenantId)
  }

  async #follow(): Promise<void> {
    const { store, evidenceKeys } = this.#deps
    if (evidenceKeys.version() !== this.#recordedKeys) await this.#recordKeys()
    const head = await store.head()
    if (head === this.#seen) return
    const trees: Tree[] = []
    for (const { tenantId, size } of await store.evidence.sizes()) {
      const known = await this.#trees.get(tenantId)
      if ((known?.signed?.size ?? 0) < size) trees.push(await this.#catchUp(tenantId))
    }
    if (await this.#signEach(trees)) this.#seen = head
  }

  /** In one commit; where that fails each by itself, so that one holds up no other. @returns whether all are signed */
  async #signEach(trees: readonly Tree[]): Promise<boolean> {
    let failures = 0
    const alone = async (tree: Tree) => {
      await this.#sign([tree]).catch((error: unknown) => {
        failures += 1
        const { tenantId } = tree
        this.#deps.log.error({ err: error, tenantId }, 'no checkpoint made, trying again')
      })
    }
    await this.#sign(trees).catch(async () => {
      for (const tree of trees) await alone(tree)
    })
    return failures === 0
  }

  async #catchUp(tenantId: string): Promise<Tree> {
    const tree = await this.#treeOf(tenantId)
    tree.reading = tree.reading.catch(() => undefined).then(() => this.#read(tree))
    await tree.reading
    return tree
  }

  #treeOf(tenantId: string): Promise<Tree> {
    const known = this.#trees.get(tenantId)
    if (known) return known
    const opening = this.#open(tenantId)
    this.#trees.set(tenantId, opening)
    opening.catch(() => this.#trees.delete(tenantId))
    return opening
  }

  async #open(tenantId: string): Promise<Tree> {
    const signed = await this.#deps.store.evidence.newestCheckpoint(tenantId)
    const reading = Promise.resolve()
    const tree: Tree = { tenantId, hashes: new TreeHashes(), signed, isDamaged: false, reading }
    this.#opened.push(tree)
    return tree
  }

  async #read(tree: Tree): Promise<void> {
    const { evidence } = this.#deps.store
    const { hashes, tenantId } = tree
    while (!tree.isDamaged) {
      const leaves = await evidence.readLeaves(tenantId, {
        after: hashes.position,
        limit: pageLeaves,
      })
      for (const { position, logIndex, hash: leaf } of leaves) {
        if (logIndex !== hashes.size) return this.#refuse(tree)
        hashes.push(leaf, position)
        const { signed } = tree
        if (hashes.size === signed?.size && !isSame(hashes.root(), signed.root))
          return this.#refuse(tree)
      }
      if (leaves.length < pageLeaves) break
      await breathe()
    }
    if (hashes.size < (tree.signed?.size ?? 0)) this.#refuse(tree)
  }

  async #altered(tenantId: string, logIndex: number): Promise<void> {
    const tree = await this.#treeOf(tenantId).catch(() => undefined)
    if (tree) this.#refuse(tree, logIndex)
  }

  /** It may have been restored meanwhile; what cannot be looked at has not. */
  async #lookAgain(tenantId: string, logIndex = 0): Promise<void> {
    const tree = await this.#catchUp(tenantId)
    const altered = await firstAlteredBeside(this.#deps.store.evidence, tree, logIndex).catch(
      () => logIndex,
    )
    if (altered !== undefined) this.#refuse(tree, altered)
    if (!tree.isDamaged) this.#damage.forget(tenantId)
  }

  /** Somebody has changed what was signed. What is done from now on could not be proven. */
  #refuse(tree: Tree, logIndex?: number): void {
    if (tree.isDamaged) return
    tree.isDamaged = true
    if (logIndex !== undefined) tree.damagedAt = logIndex
    const { log, store } = this.#deps
    const { tenantId, hashes, signed } = tree
    store.evidence.refuse(tenantId)
    log.error(
      { tenantId, atEvent: logIndex ?? hashes.size, signedSize: signed?.size },
      'the log of a tenant is not what was signed: nothing more is written to it',
    )
    this.#damage.remember({ tenantId, logIndex })
  }

  /** Those that have grown since their last one, in one commit. */
  async #sign(trees: readonly Tree[]): Promise<void> {
    const { store, evidenceKeys, nodeId, now } = this.#deps
    const at = new Date(now()).toISOString()
    const grown = trees.filter(
      ({ isDamaged, hashes, signed }) => !isDamaged && hashes.size > (signed?.size ?? 0),
    )
    const made = grown.map(({ tenantId, hashes }) => {
      const origin = originOf(nodeId, tenantId)
      const [size, root] = [hashes.size, hashes.root()]
      const note = evidenceKeys.sign(origin, checkpointText({ origin, size, root }))
      return { tenantId, size, root, note, at }
    })
    if (made.length > 0) await store.evidence.keep(made)
    for (const [index, tree] of grown.entries()) {
      const one = made[index]
      if (one && one.size > (tree.signed?.size ?? 0)) tree.signed = one
    }
  }

  /** Each key is a fact of the deployment, once, and so is its end; where they have changed, of every customer that has a log. */
  async #recordKeys(): Promise<void> {
    const { evidenceKeys, store } = this.#deps
    const version = evidenceKeys.version()
    const retired = evidenceKeys.retiredKeys()
    const hasChanged = evidenceKeys.changes().length > 1
    const logs = hasChanged ? (await store.evidence.sizes()).map(({ tenantId }) => tenantId) : []
    for (const tenantId of new Set([systemTenantId, ...logs])) {
      for (const key of [...retired, ...evidenceKeys.publicKeys()])
        await this.#record(tenantId, key, { type: 'EvidenceKeyAdded', expected: 'none' })
      for (const key of retired)
        await this.#record(tenantId, key, { type: 'EvidenceKeyRetired', expected: 1 })
    }
    this.#recordedKeys = version
  }

  /** Killed in between: the next start does the rest. */
  async #record(tenantId: string, key: Uint8Array, { type, expected }: KeyFact): Promise<void> {
    const { nodeId, now } = this.#deps
    const named = tenantId === systemTenantId ? key : Buffer.concat([key, Buffer.from(tenantId)])
    const streamId = idFromBytes(hash('sha256', named, 'buffer').subarray(0, 16))
    const actor = { type: 'system', id: nodeId } as const
    const context = { actor, at: new Date(now()).toISOString(), correlationId: streamId }
    await recordUnlessDamaged(this.#deps, {
      ...{ tenantId, streamKind: 'system', streamId, expected },
      events: [{ ...context, type, data: { publicKey: toBase64(key) } }],
    }).catch((error: unknown) => {
      if (!(error instanceof TravessiaError && error.code === 'CONFLICT')) throw error
    })
  }
}
