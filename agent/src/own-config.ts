import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { type AgentDevice, deviceListSchema } from '@travessia/schemas/devices'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { tokenKinds } from '@travessia/schemas/token-claims'
import type { JWK } from 'jose'
import { type AgentConfig, writeAgentConfig } from './config.ts'
import { openSigned } from './signed.ts'
import { type Act, allowedDevices, forbiddenBy } from './site-policy.ts'

const isDeviceList = compile(deviceListSchema)

/** The agent's configuration as it is now, in memory and on disk: who it is, its devices, what its site allows. */
export class OwnConfig {
  readonly path: string
  #current: AgentConfig

  constructor(config: AgentConfig, path: string) {
    this.#current = config
    this.path = path
  }

  get current(): AgentConfig {
    return this.#current
  }

  change(fields: Partial<AgentConfig>): void {
    this.#current = { ...this.#current, ...fields }
    writeAgentConfig(this.path, this.#current)
  }

  /**
   * @returns whether the list is newer than the one before
   * @throws TravessiaError COMMAND_SIGNATURE_INVALID, MESSAGE_INVALID: not a list of our server for this agent
   */
  async takeDevices(jws: string): Promise<boolean> {
    const keys = this.#current.serverKeys as JWK[]
    const list = check(isDeviceList, await openSigned(jws, tokenKinds.devices, keys))
    const { tenantId, agentId, devices } = this.#current
    if (list.tenantId !== tenantId || list.agentId !== agentId)
      throw new TravessiaError('COMMAND_SIGNATURE_INVALID', { problem: 'addressee' })
    if (list.version <= devices.version) return false
    this.change({ devices: list })
    return true
  }

  deviceOf(deviceId: string): AgentDevice | undefined {
    return this.#current.devices.devices.find((device) => device.deviceId === deviceId)
  }

  /** Those that the site does not keep from us. */
  allowedDevices(): readonly AgentDevice[] {
    return allowedDevices(this.#current.policy, this.#current.devices.devices)
  }

  forbids(device: AgentDevice, act: Act): ErrorCode | undefined {
    return forbiddenBy(this.#current.policy, { device, act, now: Date.now() })
  }
}
