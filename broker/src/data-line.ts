/**
 * The short way between the broker and the data connection of one agent, past Aedes' pipeline: frames down are
 * written by hand, frames up are taken out of the byte stream. Both only on the topics of the connection's own
 * principal, by the same rules as everything else.
 */
import { FrameBatch } from '@travessia/schemas/frame-batch'
import { formatTopic } from '@travessia/schemas/topics'
import { FrameType } from '@travessia/schemas/tunnel-frame'
import type { Client } from 'aedes'
import { mayPublish, mayRead } from './authorize.ts'
import type { AgentPrincipal } from './principal.ts'
import type { TransportGuard } from './transport-guard.ts'

/** Not part of Aedes' promised interface; a test fails when it is no longer there. */
export type AedesClient = Client & {
  readonly closed: boolean
  readonly _keepaliveTimer: NodeJS.Timeout | null
  /** Ends the connection when it is not ready for more within `drainTimeout`. */
  waitForDrain(done: () => void): void
}

export class DataLine {
  readonly principal: AgentPrincipal
  readonly #client: AedesClient
  readonly #batch: FrameBatch
  /** Topic per node, empty when it may not be read. */
  readonly #topics = new Map<string, Uint8Array>()
  #isWaiting = false

  constructor(principal: AgentPrincipal, client: AedesClient, guard: TransportGuard) {
    this.principal = principal
    this.#client = client
    this.#batch = new FrameBatch(guard, setImmediate, () => this.#awaitDrain())
  }

  /** @returns false: the connection is over, or its principal may not read this */
  send(nodeId: string, frame: Uint8Array): boolean {
    const topic = this.#topicTo(nodeId)
    if (topic.length === 0 || this.#client.closed) return false
    this.#batch.add(topic, frame)
    // Told by a socket that closed, it would wait for the end of the next turn: with 20 streams at full speed 100 ms and more.
    if (isReset(frame)) this.#batch.flush()
    return true
  }

  #topicTo(nodeId: string): Uint8Array {
    const known = this.#topics.get(nodeId)
    if (known) return known
    const { tenantId, agentId } = this.principal
    const topic = formatTopic({ tenantId, agentId, channel: 'down', nodeId })
    const bytes = Buffer.from(mayRead(this.principal, topic) ? topic : '')
    this.#topics.set(nodeId, bytes)
    return bytes
  }

  /** A reader that is stuck is ended by the rule of all others. */
  #awaitDrain(): void {
    if (this.#isWaiting || this.#client.closed) return
    this.#isWaiting = true
    this.#client.waitForDrain(() => {
      this.#isWaiting = false
    })
  }
}

function isReset(frame: Uint8Array): boolean {
  return ((frame[0] ?? 0) & 15) === FrameType.reset
}

/** Frames that the agent publishes for this node. @param take gets a view of bytes that are not used again */
export function tapFrames(
  {
    principal,
    client,
    guard,
  }: { principal: AgentPrincipal; client: AedesClient; guard: TransportGuard },
  nodeId: string,
  take: (frame: Uint8Array) => void,
): void {
  const { tenantId, agentId } = principal
  const topic = formatTopic({ tenantId, agentId, channel: 'up', nodeId })
  if (!mayPublish(principal, { topic, qos: 0, retain: false })) return
  guard.tap(topic, (frame) => {
    if (client.closed) return
    // For Aedes this connection has been silent.
    client._keepaliveTimer?.refresh()
    take(frame)
  })
}
