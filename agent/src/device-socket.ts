/** WebSockets for drivers: one connection by the target policy, no redirects, no compression, bounded messages. */
import type { AgentDevice } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { WebSocket } from 'ws'
import { connectTo } from './device-pools.ts'
import type { DeviceSocket } from './drivers/driver.ts'
import { type Policy, targetOf } from './target-policy.ts'

const connectMs = 5_000
const maxMessageBytes = 1024 * 1024

export function createDeviceSocket(device: AgentDevice, policy: Policy): DeviceSocket {
  return async (path, headers = {}) => {
    const target = targetOf(device)
    const tcp = await connectTo(target, policy, connectMs)
    const scheme = target.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${target.host}${path}`, {
      ...{ createConnection: () => tcp, headers, maxPayload: maxMessageBytes },
      ...{ handshakeTimeout: connectMs, perMessageDeflate: false },
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      // Kept for as long as the socket lives: after an error it closes, and that is what its user hears.
      socket.on('error', (cause) => reject(new TravessiaError('DEVICE_PROTOCOL', {}, { cause })))
    })
    return socket
  }
}
