/**
 * The border between the cloud node and MQTT. Two implementations, one conformance suite: `embedded`
 * (the broker in this process) and `plain-mqtt` (a client of any MQTT 3.1.1 broker).
 * Frames are views into the received packet, whose bytes are not used again: streams keep them (ADR 14). A frame that is
 * sent belongs to the link.
 */
import type { Presence } from '@travessia/schemas/reports'
import type { AgentAddress, CommandKind } from '@travessia/schemas/topics'

export type LinkHandlers = {
  /** A tunnel frame from an agent whose address the broker has verified. */
  frame(agent: AgentAddress, frame: Uint8Array): void
  /** JSON text on `ack` or `status`, not yet checked. */
  report(agent: AgentAddress, channel: 'ack' | 'status', text: string): void
  /** JSON text on `telemetry/{kind}`, not yet checked. */
  sample(agent: AgentAddress, kind: string, text: string): void
  /** A connection of an agent was made or lost. Brokers other than ours never say so; then `status` alone speaks. */
  presence(agent: AgentAddress, presence: Presence): void
}

export interface Link {
  readonly nodeId: string
  /**
   * Sends one tunnel frame, QoS 0, on the agent’s data connection. Its memory is the link’s from now on (ADR 34).
   * @returns false when there is no such connection, so the frame is gone. Credit bounds what is under way.
   * Through a broker that is not in this process `true` is a belief: it is false while that broker is away, before
   * the first word of the agent, after its last will or (ours only) its lost data connection, and with 64 MiB unsent.
   */
  send(agent: AgentAddress, frame: Uint8Array): boolean
  /**
   * Publishes a signed intent, QoS 1, on the control connection. Transport only: the `ack` is the proof.
   * @throws TravessiaError AGENT_OFFLINE: the broker is away or does not answer
   */
  command(agent: AgentAddress, kind: CommandKind, payload: string): Promise<void>
  /**
   * Ends both connections of the agent and drops its broker session; a broker that is not ours keeps
   * them until the credential ends, and the link hears nothing of it any more (ADR 16).
   */
  revoke(agent: AgentAddress): Promise<void>
  /** Handlers are given once, before `start`. */
  start(handlers: LinkHandlers): Promise<void>
  stop(): Promise<void>
}
