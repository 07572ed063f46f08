/**
 * The node's end of the tunnels to all agents. Streams belong to one agent and one epoch: a frame can only
 * reach a stream of the agent that sent it. When the data connection is lost all its streams fail at once,
 * and new requests are refused until the agent has answered the next HELLO.
 */

import type { Readable } from 'node:stream'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { AgentAddress } from '@travessia/schemas/topics'
import {
  decodeFrame,
  decodeHello,
  encodeHello,
  encodePong,
  Flag,
  type Frame,
  FrameType,
  initialWindowBytes,
  maxFrameBytes,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import type { RequestHead } from '@travessia/schemas/tunnel-head'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { TunnelStreams } from '@travessia/schemas/tunnel-streams'
import { TunnelWay } from '@travessia/schemas/tunnel-way'
import type { Logger } from 'pino'
import type { Link } from '../link/link.ts'
import type { DeviceClient, DeviceRequest, DeviceResponse } from './device-client.ts'
import { exchange, isUnknownGrant } from './exchange.ts'
import { SentGrants } from './sent-grants.ts'
import { sendBody } from './tunnel-body.ts'
import { openTunnelSocket } from './tunnel-socket.ts'

const maxStreamsPerAgent = 512

type Tunnel = {
  readonly agent: AgentAddress
  readonly epoch: string
  readonly streams: TunnelStreams
  readonly grants: SentGrants
  /** The agent's name of its data connection, once it has said it. */
  dataEpoch: string | undefined
  isReady: boolean
  nextId: number
}

type Deps = { readonly link: Pick<Link, 'send'>; readonly now: () => number; readonly log: Logger }

export class TunnelClient {
  readonly #deps: Deps
  readonly #tunnels = new Map<string, Tunnel>()
  readonly #whenReady = new Map<string, Set<() => void>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Exchanges under way, of all agents. */
  get streamCount(): number {
    return [...this.#tunnels.values()].reduce((sum, { streams }) => sum + streams.size, 0)
  }

  isReady(agentId: string): boolean {
    return this.#tunnels.get(agentId)?.isReady ?? false
  }

  /** Resolves when the agent has answered HELLO. @throws TravessiaError AGENT_OFFLINE after `withinMs` */
  async ready(agentId: string, withinMs: number): Promise<void> {
    if (this.isReady(agentId)) return
    const waiting = this.#whenReady.get(agentId) ?? new Set()
    this.#whenReady.set(agentId, waiting)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(
      () => reject(new TravessiaError('AGENT_OFFLINE', { agentId })),
      withinMs,
    )
    waiting.add(resolve)
    await promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(resolve)
    })
  }

  /**
   * The agent's data connection is new: old streams are gone, a new epoch begins. The broker says so, and the agent
   * itself, who names that connection: the second word of the same one ends nothing.
   */
  hello(agent: AgentAddress, dataEpoch?: string): void {
    const { tenantId, agentId } = agent
    const known = this.#tunnels.get(agentId)
    if (dataEpoch !== undefined && known && (known.dataEpoch ?? dataEpoch) === dataEpoch) {
      known.dataEpoch = dataEpoch
      if (!known.isReady) this.#greet(known)
      return
    }
    this.lost(agent)
    const tunnel: Tunnel = {
      agent: { tenantId, agentId },
      epoch: newId(),
      streams: new TunnelStreams(new TunnelWay((frame) => this.#deps.link.send(agent, frame))),
      grants: new SentGrants(),
      dataEpoch,
      isReady: false,
      nextId: 1,
    }
    this.#tunnels.set(agentId, tunnel)
    this.#greet(tunnel)
  }

  /** The agent's data connection is gone. */
  lost({ agentId }: AgentAddress): void {
    const tunnel = this.#tunnels.get(agentId)
    if (!tunnel) return
    this.#tunnels.delete(agentId)
    tunnel.streams.fail(ResetCode.lost, 'data connection lost')
  }

  onFrame(agent: AgentAddress, bytes: Uint8Array): void {
    try {
      const frame = decodeFrame(bytes)
      if (frame.streamId === 0) this.#control(agent, frame)
      else this.#stream(agent, frame)
    } catch (error) {
      this.#deps.log.warn({ err: error, ...agent }, 'frame refused')
    }
  }

  /** @param grant what may be done there, signed for this agent and device */
  clientFor(
    agent: AgentAddress,
    { deviceId, grant }: { readonly deviceId: string; readonly grant: string },
  ): DeviceClient {
    return {
      request: (request) => this.#request(agent, { deviceId, grant }, request),
      openWebSocket: async ({ signal, protocols, ...head }) => {
        const ask = (stream: TunnelStream, said: string) => {
          const webSocket = { protocols }
          const request = { ...head, method: 'GET', deviceId, grant: said, webSocket }
          return openTunnelSocket(stream, request, signal)
        }
        const stream = this.#open(agent)
        const said = this.#sayingOf(agent, grant)
        return ask(stream, said).catch((error: unknown) => {
          if (said === grant || !isUnknownGrant(causeOf(error))) throw error
          return ask(this.#open(agent), grant)
        })
      },
    }
  }

  /** The grant itself the first time, its name afterwards; again in full to an agent that does not know the name. */
  async #request(
    agent: AgentAddress,
    { deviceId, grant }: { readonly deviceId: string; readonly grant: string },
    request: DeviceRequest,
  ): Promise<DeviceResponse> {
    const { body, signal } = request
    const stream = this.#open(agent)
    // A body cannot be sent twice.
    const said = body ? grant : this.#sayingOf(agent, grant)
    const again =
      said === grant
        ? undefined
        : () => exchange(this.#open(agent), requestHead(request, deviceId, grant), { signal })
    return exchange(stream, requestHead(request, deviceId, said), { body, signal, again })
  }

  #sayingOf({ agentId }: AgentAddress, grant: string): string {
    return this.#tunnels.get(agentId)?.grants.next(grant) ?? grant
  }

  /** The bytes of a command that the agent runs. @throws TravessiaError AGENT_OFFLINE, TUNNEL_BUSY, TUNNEL_LOST */
  async sendBody(agent: AgentAddress, commandId: string, read: () => Readable): Promise<void> {
    const stream = this.#open(agent)
    return sendBody(stream, commandId, read())
  }

  #greet({ agent, epoch }: Tunnel): void {
    const hello = { epoch, windowBytes: initialWindowBytes, maxFrameBytes }
    this.#deps.link.send(agent, encodeHello(hello))
  }

  #open({ agentId }: AgentAddress): TunnelStream {
    const tunnel = this.#tunnels.get(agentId)
    if (!tunnel?.isReady) throw new TravessiaError('AGENT_OFFLINE', { agentId })
    if (tunnel.streams.size >= maxStreamsPerAgent)
      throw new TravessiaError('TUNNEL_BUSY', { agentId })
    const id = tunnel.nextId
    tunnel.nextId += 1
    return tunnel.streams.open(id)
  }

  #control(agent: AgentAddress, frame: Frame): void {
    if (frame.type === FrameType.ping && (frame.flags & Flag.pong) === 0) {
      this.#deps.link.send(agent, encodePong(frame.payload, this.#deps.now()))
      return
    }
    const tunnel = this.#tunnels.get(agent.agentId)
    // Before the answer to HELLO these are the streams of an epoch that is over.
    if (frame.type === FrameType.credit && tunnel?.isReady) tunnel.streams.hear(frame.payload)
    if (frame.type !== FrameType.hello || decodeHello(frame.payload).epoch !== tunnel?.epoch) return
    tunnel.isReady = true
    for (const wake of this.#whenReady.get(agent.agentId) ?? []) wake()
  }

  #stream(agent: AgentAddress, frame: Frame): void {
    this.#tunnels.get(agent.agentId)?.streams.get(frame.streamId)?.receive(frame)
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof TravessiaError ? error.cause : error
}

function requestHead(request: DeviceRequest, deviceId: string, grant: string): RequestHead {
  const { method, path, headers, timeouts, port, bodyBytes, camera } = request
  return {
    deviceId,
    method,
    path,
    headers,
    grant,
    timeouts,
    ...(port === undefined ? undefined : { port }),
    ...(bodyBytes === undefined ? undefined : { bodyBytes }),
    ...(camera === undefined ? undefined : { camera }),
  }
}
