/** What an agent must know of the devices it reaches: targets, drivers, and credentials sealed to its own key. */
import type { DeviceList } from '@travessia/schemas/devices'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Pairing } from '../identity/pairing.ts'
import { credentialsId, sealToAgent, type Vault } from '../identity/vault.ts'
import type { Views } from '../views/views.ts'
import type { Recorder } from './recorder.ts'

type Deps = {
  readonly views: Pick<Views, 'agents' | 'devices'>
  readonly pairing: Pick<Pairing, 'keysOf'>
  readonly vault: Pick<Vault, 'get' | 'versionOf'>
}

/** Each use of the vault is a fact first. @throws TravessiaError STORE_UNAVAILABLE; NOT_FOUND: a device was removed meanwhile */
export async function recordCredentials(
  { vault, recorder }: Pick<Deps, 'vault'> & { recorder: Pick<Recorder, 'credentialsDelivered'> },
  agent: AgentAddress,
  { devices }: DeviceList,
): Promise<void> {
  for (const { deviceId, sealedCredentials } of devices) {
    if (sealedCredentials === undefined) continue
    const version = vault.versionOf(agent.tenantId, credentialsId(deviceId))
    await recorder.credentialsDelivered(agent, deviceId, version)
  }
}

/** The list as it is now; undefined: no such agent. */
export async function agentDeviceList(
  { views, pairing, vault }: Deps,
  { tenantId, agentId }: AgentAddress,
): Promise<DeviceList | undefined> {
  const agent = await views.agents.get(tenantId, agentId)
  if (!agent) return undefined
  const key = pairing.keysOf(agentId)?.encryptionKey
  const devices = (await views.devices.list(tenantId, agent.installationId)).filter(
    (d) => d.viaAgent,
  )
  return {
    ...{ tenantId, agentId, version: await views.devices.listVersion(agent.installationId) },
    devices: await Promise.all(
      devices.map(async ({ id, driver, baseUrl, ports, maxConcurrent, buttons = [] }) => {
        const secret = vault.get(tenantId, credentialsId(id))
        const sealed = key && secret ? { sealedCredentials: await sealToAgent(key, secret) } : {}
        // Agents from before there were buttons refuse a list that names them.
        const known = buttons.length > 0 ? { buttons } : {}
        return { deviceId: id, driver, baseUrl, ports, maxConcurrent, ...known, ...sealed }
      }),
    ),
  }
}
