/** How the node reaches a device: through its agent's tunnel, or directly. Callers do not see which. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Grant, SessionAccess } from '@travessia/schemas/grant'
import type { AgentPresence } from '../bus/agent-presence.ts'
import type { DeviceLists } from '../bus/device-lists.ts'
import type { AgentRow } from '../views/agents.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'
import type { DeviceClient } from './device-client.ts'
import { createDirectClient } from './direct-client.ts'
import type { TunnelClient } from './tunnel-client.ts'

const readyMs = 5_000

/** Who uses a device, and how far: what the agent is told, signed. */
export type DeviceUse = {
  /** Absent: one call by API. */
  readonly id?: string
  readonly access: SessionAccess
  /** ms since 1970. */
  readonly expiresAt: number
}

type Deps = {
  readonly views: Pick<Views, 'agents' | 'devices'>
  readonly presence: AgentPresence
  readonly tunnel: TunnelClient
  readonly deviceLists: DeviceLists
  readonly tokens: { readonly signGrant: (grant: Grant) => Promise<string> }
  /** Direct devices on loopback or in private ranges: the demo only. */
  readonly allowPrivate: boolean
}

type Wanted = { readonly device: DeviceRow; readonly agent: AgentRow; readonly signIn: boolean }

type Signed = {
  readonly grant: Grant
  readonly signing: Promise<string>
  /** Once it is signed: who asks then need not wait. */
  client?: DeviceClient
}

export class DeviceAccess {
  readonly #deps: Deps
  /** The last one of each use: signed again when it changes. */
  readonly #grants = new WeakMap<DeviceUse, Signed>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Resolves when a request to the device can be sent now. Waits at most 5 s for the agent to confirm
   * that its device list holds the device as registered.
   * @throws TravessiaError TARGET_FORBIDDEN (not HTTP), AGENT_MISSING, AGENT_OFFLINE, AGENT_NOT_READY
   */
  async ready(device: DeviceRow): Promise<void> {
    if (!device.baseUrl.startsWith('http')) throw new TravessiaError('TARGET_FORBIDDEN')
    if (!device.viaAgent) return
    const { deviceLists, presence, tunnel, views } = this.#deps
    const agent = this.#agentOf(device)
    const { isOnline, heartbeat } = presence.of(agent.agentId)
    if (!isOnline) throw new TravessiaError('AGENT_OFFLINE')
    if (heartbeat?.pausedUntil !== undefined) throw new TravessiaError('AGENT_PAUSED')
    const version = await views.devices.listVersion(device.installationId)
    await Promise.all([
      tunnel.ready(agent.agentId, readyMs),
      deviceLists.whenConfirmed(agent, version, readyMs),
    ])
  }

  /**
   * @param signIn the agent signs the requests in with the device's credentials
   * @returns at once, but when something must be signed first
   * @throws TravessiaError AGENT_MISSING, AGENT_OFFLINE: known at once, nothing is sent
   */
  clientOf(
    device: DeviceRow,
    use: DeviceUse,
    signIn = false,
  ): DeviceClient | Promise<DeviceClient> {
    if (!device.viaAgent) return createDirectClient(device, this.#deps.allowPrivate)
    const { tunnel } = this.#deps
    const agent = this.#agentOf(device)
    if (!tunnel.isReady(agent.agentId)) throw new TravessiaError('AGENT_OFFLINE')
    const wanted = { device, agent, signIn }
    const known = this.#grants.get(use)
    const signed = known && isFor(known.grant, use, wanted) ? known : this.#sign(use, wanted)
    if (signed.client) return signed.client
    return signed.signing.then((grant) => tunnel.clientFor(agent, { deviceId: device.id, grant }))
  }

  #sign(use: DeviceUse, { device, agent, signIn }: Wanted): Signed {
    const { id: deviceId, tenantId } = device
    const { access, expiresAt, id: sessionId } = use
    const { agentId } = agent
    const fields = { tenantId, agentId, deviceId, access, signIn, expiresAt }
    const grant = sessionId === undefined ? fields : { ...fields, sessionId }
    const fresh: Signed = { grant, signing: this.#deps.tokens.signGrant(grant) }
    this.#grants.set(use, fresh)
    fresh.signing.then(
      (jws) => {
        fresh.client = this.#deps.tunnel.clientFor(agent, { deviceId, grant: jws })
      },
      () => this.#grants.delete(use),
    )
    return fresh
  }

  #agentOf({ tenantId, installationId }: DeviceRow): AgentRow {
    const agent = this.#deps.views.agents.current(tenantId, installationId)
    if (!agent) throw new TravessiaError('AGENT_MISSING')
    return agent
  }
}

/** A use is of one device, and goes as far all its time. */
function isFor(known: Grant, use: DeviceUse, { agent, signIn }: Wanted): boolean {
  return (
    known.agentId === agent.agentId && known.signIn === signIn && known.expiresAt === use.expiresAt
  )
}
