/** How the node reaches a device: through its agent's tunnel, or directly. Callers do not see which. */
import type { DeviceRow } from '../views/devices.ts'
import type { DeviceClient } from './device-client.ts'

export interface DeviceAccess {
  /**
   * Resolves when a request to the device can be sent now. Waits at most 5 s for the agent to confirm
   * that its device list holds the device as registered.
   * @throws TravessiaError AGENT_MISSING, AGENT_OFFLINE, AGENT_NOT_READY
   */
  ready(device: DeviceRow): Promise<void>
  clientOf(device: DeviceRow): DeviceClient
}
