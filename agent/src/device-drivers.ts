/** One driver per device as it is registered, so that it may keep its sign-in, its socket or its port. */
import type { AgentDevice, Credentials } from '@travessia/schemas/devices'
import { compactDecrypt, importJWK, type JWK } from 'jose'
import { createDeviceFetch } from './device-fetch.ts'
import { createDeviceSocket } from './device-socket.ts'
import { type Driver, loadDriver } from './drivers/driver.ts'
import { PageSigner } from './page-signer.ts'
import type { Policy } from './target-policy.ts'

type Known = {
  readonly key: string
  readonly driver: Promise<Driver>
  readonly signer: Promise<PageSigner | undefined>
}

export class DeviceDrivers {
  readonly #policy: Policy
  readonly #encryptionKey: () => JWK
  readonly #drivers = new Map<string, Known>()

  /** @param encryptionKey the agent's own, to which credentials are sealed (ADR 3) */
  constructor(policy: Policy, encryptionKey: () => JWK) {
    this.#policy = policy
    this.#encryptionKey = encryptionKey
  }

  /** The same driver for everybody who asks, also at once. */
  driverFor(device: AgentDevice): Promise<Driver> {
    return this.#known(device).driver
  }

  /** Who signs in to the device's own page; undefined: its driver knows no way. */
  signerFor(device: AgentDevice): Promise<PageSigner | undefined> {
    return this.#known(device).signer
  }

  #known(device: AgentDevice): Known {
    const { deviceId } = device
    const key = JSON.stringify(device)
    const known = this.#drivers.get(deviceId)
    if (known?.key === key) return known
    const driver = this.#load(device)
    const signer = driver.then((one) => one.signIn && new PageSigner(one.signIn))
    const fresh = { key, driver, signer }
    this.#drivers.set(deviceId, fresh)
    // Whoever asks hears of it; the next one tries again.
    signer.catch(() => this.#drivers.delete(deviceId))
    return fresh
  }

  /** Forgets those of devices that are not registered any more. */
  keepOnly(devices: readonly AgentDevice[]): void {
    const kept = new Set(devices.map(({ deviceId }) => deviceId))
    for (const deviceId of this.#drivers.keys())
      if (!kept.has(deviceId)) this.#drivers.delete(deviceId)
  }

  async #load(device: AgentDevice): Promise<Driver> {
    const { baseUrl, buttons = [] } = device
    return loadDriver(device.driver, {
      ...{ baseUrl, buttons, credentials: await this.#credentialsOf(device) },
      fetch: createDeviceFetch(device, this.#policy),
      openSocket: createDeviceSocket(device, this.#policy),
    })
  }

  async #credentialsOf({ sealedCredentials }: AgentDevice): Promise<Credentials | undefined> {
    if (sealedCredentials === undefined) return undefined
    const key = await importJWK(this.#encryptionKey(), 'ECDH-ES')
    const { plaintext } = await compactDecrypt(sealedCredentials, key, {
      keyManagementAlgorithms: ['ECDH-ES'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return JSON.parse(new TextDecoder().decode(plaintext)) as Credentials
  }
}
