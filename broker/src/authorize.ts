/**
 * Rules as data, one list per kind of principal; no rule means no. Topics are read level by
 * level, so a wildcard or a foreign id in the tenant or agent level never matches.
 */
import {
  controlFilter,
  dataFilter,
  nodeFilters,
  parseTopic,
  type Topic,
} from '@travessia/schemas/topics'
import type { Principal } from './principal.ts'

type Channel = Topic['channel']
type Publish = { readonly topic: string; readonly qos: number; readonly retain: boolean }

type Rules = {
  /** Channel → the one QoS it is published with. */
  readonly publish: Partial<Record<Channel, 0 | 1>>
  /** Channels that may be delivered. */
  readonly read: readonly Channel[]
}

const rules: Readonly<Record<'control' | 'data' | 'node', Rules>> = {
  control: { publish: { ack: 1, status: 1, telemetry: 0 }, read: ['cmd'] },
  data: { publish: { up: 0, telemetry: 0 }, read: ['down'] },
  node: {
    publish: { cmd: 1, down: 0, revoke: 1 },
    read: ['ack', 'status', 'telemetry', 'up', 'presence'],
  },
}

export function mayPublish(principal: Principal, { topic, qos, retain }: Publish): boolean {
  const parsed = parseTopic(topic)
  if (!parsed || retain || !isWithin(principal, parsed)) return false
  return rulesOf(principal).publish[parsed.channel] === qos
}

/** Asked again for EVERY delivery, also from the offline queue. */
export function mayRead(principal: Principal, topic: string): boolean {
  const parsed = parseTopic(topic)
  if (!parsed || !isWithin(principal, parsed)) return false
  if (principal.kind === 'node' && parsed.channel === 'up' && parsed.nodeId !== principal.nodeId)
    return false
  return rulesOf(principal).read.includes(parsed.channel)
}

export function maySubscribe(principal: Principal, filter: string): boolean {
  if (principal.kind === 'node') return nodeFilters(principal.nodeId).includes(filter)
  return (
    filter ===
    (principal.connection === 'control' ? controlFilter(principal) : dataFilter(principal))
  )
}

function rulesOf(principal: Principal): Rules {
  return rules[principal.kind === 'node' ? 'node' : principal.connection]
}

function isWithin(principal: Principal, topic: Topic): boolean {
  if (principal.kind === 'node') return true
  return topic.tenantId === principal.tenantId && topic.agentId === principal.agentId
}
