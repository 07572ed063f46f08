/**
 * What is known of agents right now and is not a fact: heartbeats, addresses, connections. Lost with
 * the process; the next heartbeat (at most 30 s away) brings it back.
 */
import type { Heartbeat } from '@travessia/schemas/reports'
import type { AgentAddress } from '@travessia/schemas/topics'

type AgentPresenceState = {
  /** ms since 1970, server clock; undefined: none since this node started. */
  readonly lastHeartbeatAt: number | undefined
  readonly heartbeat: Heartbeat | undefined
  /** External address as the broker sees it. */
  readonly address: string | undefined
  readonly isOnline: boolean
}

export interface AgentPresence {
  of(agentId: string): AgentPresenceState
  /** Called at each heartbeat and each change; returns the unsubscriber. */
  onChange(listener: (agent: AgentAddress) => void): () => void
  update(agent: AgentAddress, change: Partial<AgentPresenceState>): void
  forget(agent: AgentAddress): void
  online(): AgentAddress[]
}

const absent: AgentPresenceState = {
  lastHeartbeatAt: undefined,
  heartbeat: undefined,
  address: undefined,
  isOnline: false,
}

export function createAgentPresence(): AgentPresence {
  const states = new Map<string, AgentAddress & AgentPresenceState>()
  const listeners = new Set<(agent: AgentAddress) => void>()

  return {
    of: (agentId) => states.get(agentId) ?? absent,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    update({ tenantId, agentId }, change) {
      const before = states.get(agentId) ?? absent
      states.set(agentId, { ...before, ...change, tenantId, agentId })
      for (const listener of listeners) listener({ tenantId, agentId })
    },
    forget({ tenantId, agentId }) {
      if (states.delete(agentId)) for (const listener of listeners) listener({ tenantId, agentId })
    },
    online: () => [...states.values()].filter((state) => state.isOnline),
  }
}
