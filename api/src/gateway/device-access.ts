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

export class DeviceAccess {
  readonly #deps: Deps
  /** The last one of each use: signed again when it changes. */
  readonly #grants = new WeakMap<
    DeviceUse,
    { readonly grant: Grant; readonly jws: Promise<string> }
  >()

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
    const agent = await this.#agentOf(device)
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
   * @throws TravessiaError AGENT_MISSING, AGENT_OFFLINE: known at once, nothing is sent
   */
  async clientOf(device: DeviceRow, use: DeviceUse, signIn = false): Promise<DeviceClient> {
    if (!device.viaAgent) return createDirectClient(device, this.#deps.allowPrivate)
    const agent = await this.#agentOf(device)
    if (!this.#deps.tunnel.isReady(agent.agentId)) throw new TravessiaError('AGENT_OFFLINE')
    const { id: deviceId, tenantId } = device
    const { access, expiresAt } = use
    const { agentId } = agent
    const wanted = { tenantId, agentId, deviceId, access, signIn, expiresAt }
    const grant = await this.#grantOf(use, wanted)
    return this.#deps.tunnel.clientFor(agent, { deviceId, grant })
  }

  /** @param wanted without the session, which a use never changes */
  #grantOf(use: DeviceUse, wanted: Omit<Grant, 'sessionId'>): Promise<string> {
    const known = this.#grants.get(use)
    if (known && isSame(known.grant, wanted)) return known.jws
    const grant = use.id === undefined ? wanted : { ...wanted, sessionId: use.id }
    const jws = this.#deps.tokens.signGrant(grant)
    this.#grants.set(use, { grant, jws })
    return jws
  }

  async #agentOf({ tenantId, installationId }: DeviceRow): Promise<AgentRow> {
    const agent = await this.#deps.views.agents.current(tenantId, installationId)
    if (!agent) throw new TravessiaError('AGENT_MISSING')
    return agent
  }
}

function isSame(known: Grant, wanted: Omit<Grant, 'sessionId'>): boolean {
  return (
    known.tenantId === wanted.tenantId &&
    known.agentId === wanted.agentId &&
    known.deviceId === wanted.deviceId &&
    known.access === wanted.access &&
    known.signIn === wanted.signIn &&
    known.expiresAt === wanted.expiresAt
  )
}
