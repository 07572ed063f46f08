/**
 * Every MQTT topic of Travessia: `travessia/v1/{tenantId}/{agentId}/…`, each with one direction and
 * one role that writes it. Nothing is retained. The only file in which topic strings are made or read.
 *
 * | topic            | written by | connection, QoS | content                                   |
 * |------------------|------------|-----------------|-------------------------------------------|
 * | `cmd/{kind}`     | api        | control, 1      | signed intent that is already a fact; receipt; checkpoint |
 * | `ack`            | agent      | control, 1      | report about a `cmd`                      |
 * | `status`         | agent      | control, 1      | heartbeat; as will: `{online:false}`      |
 * | `telemetry/{kind}` | agent    | data, 0         | a sample                                  |
 * | `down/{nodeId}`  | api        | data, 0         | tunnel frames to the agent                |
 * | `up/{nodeId}`    | agent      | data, 0         | tunnel frames to the node                 |
 * | `presence`       | broker     | 0               | connection made or lost, observed address |
 * | `revoke`         | api        | 1               | end this agent's connections, drop its session |
 */
import { isId } from './ids.ts'

const root = 'travessia/v1'

const commandKinds = ['command', 'devices', 'passages', 'discover', 'checkpoint'] as const
export type CommandKind = (typeof commandKinds)[number]

/** An agent as topics name it. */
export type AgentAddress = { readonly tenantId: string; readonly agentId: string }

export type Topic = AgentAddress &
  (
    | { readonly channel: 'ack' | 'status' | 'presence' | 'revoke' }
    | { readonly channel: 'cmd' | 'telemetry'; readonly kind: string }
    | { readonly channel: 'down' | 'up'; readonly nodeId: string }
  )

const kindExpression = /^[a-z][a-z0-9-]{0,31}$/

/** Writes a topic; `parseTopic(formatTopic(t))` equals `t`. */
export function formatTopic(topic: Topic): string {
  const base = `${root}/${topic.tenantId}/${topic.agentId}/${topic.channel}`
  if ('kind' in topic) return `${base}/${topic.kind}`
  if ('nodeId' in topic) return `${base}/${topic.nodeId}`
  return base
}

/** What the topics of an agent's frames begin with; the id of the node follows. */
export function framePrefix({ tenantId, agentId }: AgentAddress, channel: 'down' | 'up'): string {
  return `${root}/${tenantId}/${agentId}/${channel}/`
}

/** Reads a topic, level by level; `undefined` for anything that is not exactly one of ours. */
export function parseTopic(text: string): Topic | undefined {
  const [product, version, tenantId, agentId, channel, last, ...rest] = text.split('/')
  if (`${product}/${version}` !== root || rest.length > 0) return undefined
  if (!isId(tenantId) || !isId(agentId)) return undefined
  switch (channel) {
    case 'ack':
    case 'status':
    case 'presence':
    case 'revoke':
      return last === undefined ? { tenantId, agentId, channel } : undefined
    case 'cmd':
    case 'telemetry':
      if (last === undefined || !kindExpression.test(last)) return undefined
      return { tenantId, agentId, channel, kind: last }
    case 'down':
    case 'up':
      return isId(last) ? { tenantId, agentId, channel, nodeId: last } : undefined
    default:
      return undefined
  }
}

/** The one filter of an agent's control connection. */
export function controlFilter({ tenantId, agentId }: AgentAddress): string {
  return `${root}/${tenantId}/${agentId}/cmd/+`
}

/** The one filter of an agent's data connection. */
export function dataFilter({ tenantId, agentId }: AgentAddress): string {
  return `${root}/${tenantId}/${agentId}/down/+`
}

/** The filters of an api node: one wildcard each, never one per request. */
export function nodeFilters(nodeId: string): string[] {
  return [
    `${root}/+/+/up/${nodeId}`,
    ...['ack', 'status', 'presence', 'telemetry/+'].map((c) => `${root}/+/+/${c}`),
  ]
}
