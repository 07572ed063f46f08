import type { AgentAddress } from '@travessia/schemas/topics'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'

/** The device that an agent speaks of; undefined: another's, or none at all. */
export function deviceOfAgent(
  views: Pick<Views, 'agents' | 'devices'>,
  { tenantId, agentId }: AgentAddress,
  deviceId: string,
): DeviceRow | undefined {
  const device = views.devices.get(tenantId, deviceId)
  if (!device?.viaAgent) return undefined
  const current = views.agents.current(tenantId, device.installationId)
  return current?.agentId === agentId ? device : undefined
}
