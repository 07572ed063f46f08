/**
 * Has an agent look around in its network. The request is a fact before the order leaves; the answer is waited for
 * here. Killed meanwhile: the request stays without an end in the log, and can be made again after its pause.
 */
import type { DiscoveryReport, Suggestion } from '@travessia/schemas/discovery'
import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Tokens } from '../identity/tokens.ts'
import type { Link } from '../link/link.ts'
import type { Recorder } from './recorder.ts'

/** The agent listens for four seconds and may have to ask for the time first. */
const answerMs = 12_000
/** For the agent to begin. */
const lifeMs = 6_000

type Deps = {
  readonly link: Pick<Link, 'command'>
  readonly tokens: Pick<Tokens, 'signDiscovery'>
  readonly recorder: Pick<Recorder, 'agentIntent'>
  readonly now: () => number
  readonly answerMs?: number
}
type Asked = { readonly discoveryId: string; readonly correlationId: string }

export class Discoveries {
  readonly #deps: Deps
  /** By discovery; bounded by the pause that each agent keeps. */
  readonly #waiting = new Map<
    string,
    { readonly agentId: string; readonly take: (report: DiscoveryReport) => void }
  >()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Sends the order of a recorded request; resolves with what the agent found, which is recorded by number.
   * @throws TravessiaError AGENT_NO_ANSWER, or why the agent did not look
   */
  async search(agent: AgentAddress, { discoveryId, correlationId }: Asked): Promise<Suggestion[]> {
    const report = await this.#answer(agent, discoveryId)
    const suggestions = report?.suggestions ?? []
    const errorCode = report ? report.errorCode : 'AGENT_NO_ANSWER'
    const failure = errorCode === undefined ? {} : { errorCode }
    const finished = { discoveryId, found: suggestions.length, ...failure }
    await this.#deps.recorder.agentIntent(
      agent,
      { type: 'FinishDiscovery', finished },
      correlationId,
    )
    if (errorCode !== undefined) throw new TravessiaError(errorCode)
    return suggestions
  }

  /** Of an order that nobody waits for, or of another agent's: nothing. */
  reported({ agentId }: AgentAddress, report: DiscoveryReport): void {
    const waiting = this.#waiting.get(report.discoveryId)
    if (waiting?.agentId === agentId) waiting.take(report)
  }

  /** undefined: none in time. */
  async #answer(
    { tenantId, agentId }: AgentAddress,
    id: string,
  ): Promise<DiscoveryReport | undefined> {
    const { link, tokens, now } = this.#deps
    const { promise, resolve } = Promise.withResolvers<DiscoveryReport | undefined>()
    this.#waiting.set(id, { agentId, take: resolve })
    const timer = setTimeout(() => resolve(undefined), this.#deps.answerMs ?? answerMs)
    try {
      const order = { id, tenantId, agentId, expiresAt: now() + lifeMs }
      await link.command({ tenantId, agentId }, 'discover', await tokens.signDiscovery(order))
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }
}
