/**
 * What this node finds when it looks at one tenant's log: whether the log still leads to the newest checkpoint as it is kept,
 * and how many gaps the recording has. Reads what was added since the last look, one checkpoint and one view; a signature is
 * checked once.
 */
import { isSame } from '@travessia/schemas/evidence/bytes'
import { openCheckpoint, originOf } from '@travessia/schemas/evidence/checkpoint'
import type { Integrity } from '@travessia/schemas/integrity'
import type { Services } from '../services.ts'
import type { KeptCheckpoint, KeptCosignature } from '../store/evidence-log.ts'

/** Who has confirmed nothing for so long while others did has left, or cannot follow. */
const followsWithinMs = 60_000

type Deps = Pick<Services, 'checkpointer' | 'evidenceKeys' | 'nodeId' | 'store' | 'views'>

export class IntegrityCheck {
  readonly #deps: Deps
  /** The note of each tenant whose signature was good. */
  readonly #sound = new Map<string, string>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  async of(tenantId: string): Promise<Integrity> {
    const { checkpointer, store, views } = this.#deps
    const { signed, isDamaged, damagedAt } = await checkpointer.standing(tenantId)
    const kept = await store.evidence.newestCheckpoint(tenantId)
    const isIntact = !isDamaged && isFrom(kept, signed) && (!kept || this.#isSound(kept))
    const confirmed = await store.evidence.cosignatures(tenantId, kept?.size ?? 0)
    return {
      status: !isIntact ? 'damaged' : kept ? 'intact' : 'unsigned',
      ...(damagedAt === undefined ? {} : { damagedAt }),
      ...{ size: kept?.size ?? 0, signedAt: kept?.at ?? null },
      ...(await views.gaps.count(tenantId)),
      witnesses: witnessesOf(confirmed),
    }
  }

  /** The note says what stands beside it, and one of this node's keys has signed it. */
  #isSound({ tenantId, note, size, root }: KeptCheckpoint): boolean {
    if (this.#sound.get(tenantId) === note) return true
    const { evidenceKeys, nodeId } = this.#deps
    const origin = originOf(nodeId, tenantId)
    const opened = openCheckpoint(note, evidenceKeys.keysOf(origin))
    const isSound = opened?.origin === origin && opened.size === size && isSame(opened.root, root)
    if (isSound) this.#sound.set(tenantId, note)
    return isSound
  }
}

/** What all of them have confirmed. */
function witnessesOf(confirmed: readonly KeptCosignature[]): Integrity['witnesses'] {
  const timeOf = ({ at }: KeptCosignature) => Date.parse(at)
  const newestMs = Math.max(...confirmed.map(timeOf))
  const following = confirmed.filter((one) => newestMs - timeOf(one) <= followsWithinMs)
  const size = following.length === 0 ? 0 : Math.min(...following.map((one) => one.size))
  return { agents: following.length, size }
}

/** What is kept is what this node signed last, or what it signed since. */
function isFrom(kept: KeptCheckpoint | undefined, signed: KeptCheckpoint | undefined): boolean {
  if (!kept || !signed) return !signed
  return kept.size > signed.size || (kept.size === signed.size && isSame(kept.root, signed.root))
}
