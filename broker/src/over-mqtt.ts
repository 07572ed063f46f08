/** What passes between broker and api as a call when they share a process, and as a message when not (ADR 2). */
import { formatTopic } from '@travessia/schemas/topics'
import type { Logger } from 'pino'
import type { Broker } from './broker.ts'
import type { RevokedAgents } from './revoked-agents.ts'

type Deps = {
  readonly revoked: Pick<RevokedAgents, 'add'>
  readonly now: () => number
  readonly log: Logger
}

export function meetOverMqtt(broker: Broker, { revoked, now, log }: Deps): void {
  // One after the other: in Aedes one QoS 1 message may overtake another, which is then lost.
  let said: Promise<void> = Promise.resolve()
  broker.onPresence((agent, presence) => {
    const topic = formatTopic({ ...agent, channel: 'presence' })
    said = said
      .then(() => broker.publish(topic, JSON.stringify(presence)))
      .catch((error: unknown) => log.debug({ err: error, ...agent }, 'presence not said'))
  })
  broker.onPublish((topic, payload, { kind }) => {
    if (topic.channel !== 'revoke' || kind !== 'node') return
    const { tenantId, agentId } = topic
    // By the clock of the api, which also dated the tokens.
    const at = Number(payload.toString())
    // Said again at each connection of the api; who has a newer token since is not to be cut.
    if (!revoked.add(agentId, at > 0 ? at : now())) return
    broker
      .revoke({ tenantId, agentId })
      .catch((error: unknown) => log.error({ err: error, agentId }, 'revoked agent not cut'))
  })
}
