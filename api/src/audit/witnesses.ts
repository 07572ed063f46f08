/**
 * Shows each connected agent the checkpoints of its tenant's log, one in ten seconds where there is something new, and keeps what
 * it signs (ADR 23). Killed at any line: what was confirmed is in the store, the rest is shown again.
 */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Fact } from '@travessia/schemas/events'
import { isSame, toBase64 } from '@travessia/schemas/evidence/bytes'
import {
  checkpointText,
  originOf,
  parseCheckpoint,
  witnessName,
} from '@travessia/schemas/evidence/checkpoint'
import { noteKeyText, noteText, openNote, witnessKey } from '@travessia/schemas/evidence/note'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { CheckpointOrder, CheckpointReport } from '@travessia/schemas/witness'
import type { Logger } from 'pino'
import type { EvidenceKeys } from '../identity/evidence-keys.ts'
import type { Link } from '../link/link.ts'
import { createRounds } from '../rounds.ts'
import type { EventStore } from '../store/event-store.ts'
import type { KeptCheckpoint } from '../store/evidence-log.ts'
import type { Checkpointer } from './checkpointer.ts'

const lookMs = 1_000
const everyMs = 10_000
/** The most between two to an agent that does not answer. */
const longestMs = 10 * 60_000

type Refusal = NonNullable<CheckpointReport['refused']>
type Deps = {
  readonly store: Pick<EventStore, 'evidence'>
  readonly checkpointer: Pick<Checkpointer, 'proof'>
  readonly evidenceKeys: EvidenceKeys
  readonly nodeId: string
  readonly link: Pick<Link, 'command'>
  readonly online: () => readonly AgentAddress[]
  /** 32 bytes of Ed25519; undefined: no such agent. */
  readonly keyOf: (agentId: string) => Uint8Array | undefined
  readonly refused: (
    agent: AgentAddress,
    refused: Fact<'WitnessRefused'>['data'],
  ) => Promise<unknown>
  readonly now: () => number
  readonly log: Logger
}

/** Of one agent, as far as this process knows. */
type Standing = {
  /** Size of the log that it has confirmed. */
  confirmed: number
  nextAt: number
  unanswered: number
  /** Until it connects anew: more of the same log would be refused too. */
  isRefusing: boolean
}

export class Witnesses {
  readonly #deps: Deps
  readonly #standings = new Map<string, Standing>()
  readonly #rounds = createRounds(
    lookMs,
    () => this.look(),
    (error) => this.#deps.log.error({ err: error }, 'no checkpoint shown'),
  )

  constructor(deps: Deps) {
    this.#deps = deps
  }

  start(): void {
    void this.#rounds.start()
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  connected({ agentId }: AgentAddress): void {
    this.#standings.delete(agentId)
  }

  /** @throws TravessiaError MESSAGE_INVALID: it has not signed what it says */
  async reported(agent: AgentAddress, report: CheckpointReport): Promise<void> {
    const standing = await this.#standingOf(agent)
    standing.unanswered = 0
    if (report.refused) return this.#refused(agent, { size: report.size, ...report.refused })
    if (report.cosignature !== undefined) await this.#keep(agent, report.size, report.cosignature)
    else standing.nextAt = 0
    standing.confirmed = report.size
  }

  /** Once at every agent that is there. */
  async look(): Promise<void> {
    const newest = new Map<string, KeptCheckpoint | undefined>()
    for (const agent of this.#deps.online())
      await this.#lookAt(agent, newest).catch((error: unknown) =>
        this.#deps.log.warn({ err: error, ...agent }, 'checkpoint not shown'),
      )
  }

  async #lookAt(agent: AgentAddress, newest: Map<string, KeptCheckpoint | undefined>) {
    const { store, now } = this.#deps
    const { tenantId } = agent
    const standing = await this.#standingOf(agent)
    if (standing.isRefusing || now() < standing.nextAt) return
    if (!newest.has(tenantId)) newest.set(tenantId, await store.evidence.newestCheckpoint(tenantId))
    const checkpoint = newest.get(tenantId)
    if (!checkpoint || checkpoint.size <= standing.confirmed) return
    standing.nextAt = now() + Math.min(everyMs * 2 ** standing.unanswered, longestMs)
    standing.unanswered += 1
    await this.#show(agent, checkpoint, standing.confirmed)
  }

  async #show(agent: AgentAddress, checkpoint: KeptCheckpoint, from: number): Promise<void> {
    const { link, evidenceKeys, checkpointer, nodeId } = this.#deps
    const { tenantId, size, root } = checkpoint
    const origin = originOf(nodeId, tenantId)
    const order: CheckpointOrder = {
      // Signed anew: the keys may be others since.
      note: evidenceKeys.sign(origin, checkpointText({ origin, size, root })),
      from,
      proof: (await checkpointer.proof(tenantId, from, size)).map(toBase64),
      keys: [...evidenceKeys.changes()],
    }
    await link.command(agent, 'checkpoint', JSON.stringify(order))
  }

  async #keep({ tenantId, agentId }: AgentAddress, size: number, line: string): Promise<void> {
    const { store, keyOf, now } = this.#deps
    const checkpoint = await this.#checkpointOf(tenantId, size)
    const publicKey = keyOf(agentId)
    const key = publicKey && witnessKey(witnessName(agentId), publicKey)
    if (!key || !checkpoint || !openNote(checkpoint.note + line, [key]))
      throw new TravessiaError('MESSAGE_INVALID', { at: '/cosignature' })
    await store.evidence.keepCosignature({
      ...{ tenantId, agentId, size, line, key: noteKeyText(key) },
      at: new Date(now()).toISOString(),
    })
  }

  async #refused(agent: AgentAddress, refusal: Refusal & { readonly size: number }): Promise<void> {
    const { reason, shown: shownSize, size: keptSize } = refusal
    const standing = await this.#standingOf(agent)
    if (reason === 'shorter' && (await this.#isOurs(agent, refusal))) {
      standing.confirmed = keptSize
      return
    }
    standing.isRefusing = true
    this.#deps.log.error({ ...agent, reason, keptSize, shownSize }, 'a witness refuses the log')
    await this.#deps.refused(agent, { reason, keptSize, shownSize })
  }

  /** An old message that came late: what the agent keeps is a newer checkpoint of this same log. */
  async #isOurs({ tenantId }: AgentAddress, { note, size }: Refusal & { size: number }) {
    const ours = await this.#checkpointOf(tenantId, size)
    const kept = parseCheckpoint(noteText(note))
    return ours !== undefined && kept !== undefined && isSame(ours.root, kept.root)
  }

  async #checkpointOf(tenantId: string, size: number): Promise<KeptCheckpoint | undefined> {
    const found = await this.#deps.store.evidence.checkpointOver(tenantId, size - 1)
    return found?.size === size ? found : undefined
  }

  async #standingOf({ tenantId, agentId }: AgentAddress): Promise<Standing> {
    const known = this.#standings.get(agentId)
    if (known) return known
    const all = await this.#deps.store.evidence.cosignatures(tenantId, Number.MAX_SAFE_INTEGER)
    const confirmed = all.find((one) => one.agentId === agentId)?.size ?? 0
    const standing = { confirmed, nextAt: 0, unanswered: 0, isRefusing: false }
    this.#standings.set(agentId, standing)
    return standing
  }
}
