/** The link through the broker in this process: no socket, no subscription, no topic per frame. */
import type { Broker } from '@travessia/broker/broker'
import { type AgentAddress, type CommandKind, formatTopic } from '@travessia/schemas/topics'
import type { Link, LinkHandlers } from './link.ts'

export function createEmbeddedLink(nodeId: string, broker: Broker): Link {
  return {
    nodeId,
    send: (agent: AgentAddress, frame: Uint8Array) => broker.deliver(agent, nodeId, frame),
    command: ({ tenantId, agentId }: AgentAddress, kind: CommandKind, payload: string) =>
      broker.publish(formatTopic({ tenantId, agentId, channel: 'cmd', kind }), payload),
    revoke: (agent: AgentAddress) => broker.revoke(agent),
    async start(handlers: LinkHandlers) {
      broker.onPresence((agent, presence) => handlers.presence(agent, presence))
      broker.onFrame(nodeId, (agent, frame) => handlers.frame(agent, frame))
      broker.onPublish((topic, payload) => {
        if (topic.channel === 'up' && topic.nodeId === nodeId) handlers.frame(topic, payload)
        else if (topic.channel === 'ack' || topic.channel === 'status') {
          handlers.report(topic, topic.channel, payload.toString())
        } else if (topic.channel === 'telemetry') {
          handlers.sample(topic, topic.kind, payload.toString())
        }
      })
    },
    async stop() {
      await broker.close()
    },
  }
}
