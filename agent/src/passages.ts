/**
 * Follows the passages of every registered device whose driver can, and tells them until the cloud says that they are in
 * its log. Nothing waits here: the device keeps its list, and is asked again from where the log has it.
 */
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import {
  maxPassages,
  type Passage,
  type PassagesReceipt,
  type PassagesReport,
} from '@travessia/schemas/passages'
import type { Logger } from 'pino'
import type { Driver, Follower, PassageDesk } from './drivers/driver.ts'
import { MonitorInlet } from './monitor-inlet.ts'
import { PassageMemory } from './passage-memory.ts'

const receiptMs = 10_000

type Deps = {
  readonly driverFor: (device: AgentDevice) => Promise<Driver>
  readonly memoryPath: string
  readonly monitorPort: number
  readonly isUp: () => boolean
  /** false: the broker has not taken it. */
  readonly report: (report: PassagesReport) => Promise<boolean>
  readonly now: () => number
  readonly log: Logger
}
type Followed = { readonly key: string; again(): void; stop(): void }

export class Passages {
  readonly #deps: Deps
  readonly #memory: PassageMemory
  readonly #inlet: MonitorInlet
  readonly #followed = new Map<string, Followed>()
  readonly #receipts = new Map<string, () => void>()

  constructor(deps: Deps) {
    this.#deps = deps
    this.#memory = new PassageMemory(deps.memoryPath)
    this.#inlet = new MonitorInlet({ port: deps.monitorPort, log: deps.log })
  }

  /** Ports that devices may tell at. */
  get ports(): readonly number[] {
    return this.#inlet.ports
  }

  /** The devices that are registered now. */
  update(devices: readonly AgentDevice[]): void {
    const wanted = new Map(devices.map((device) => [device.deviceId, JSON.stringify(device)]))
    for (const [id, { key, stop }] of this.#followed) {
      if (wanted.get(id) === key) continue
      stop()
      this.#followed.delete(id)
    }
    this.#memory.keepOnly(new Set(wanted.keys()))
    for (const device of devices)
      if (!this.#followed.has(device.deviceId))
        this.#followed.set(device.deviceId, this.#follow(device))
  }

  /** There is a connection again. */
  again(): void {
    for (const { again } of this.#followed.values()) again()
  }

  received({ batch }: PassagesReceipt): void {
    this.#receipts.get(batch)?.()
  }

  stop(): void {
    for (const { stop } of this.#followed.values()) stop()
    this.#followed.clear()
    this.#inlet.stop()
  }

  #follow(device: AgentDevice): Followed {
    const { deviceId } = device
    let follower: Follower | undefined
    let isStopped = false
    this.#deps.driverFor(device).then(
      (driver) => {
        if (!isStopped) follower = driver.follow?.(this.#deskOf(deviceId))
      },
      (error: unknown) => this.#deps.log.warn({ err: error, deviceId }, 'device not followed'),
    )
    return {
      key: JSON.stringify(device),
      again: () => follower?.again(),
      stop: () => {
        isStopped = true
        follower?.stop()
      },
    }
  }

  #deskOf(deviceId: string): PassageDesk {
    const { isUp, now, log } = this.#deps
    return {
      ...{ isUp, now },
      memory: () => this.#memory.of(deviceId) ?? { path: `travessia/${newId()}` },
      keep: (kept) => this.#memory.keep(deviceId, kept),
      openInlet: (opening) => this.#inlet.open(opening),
      tell: (passages) => this.#tell(deviceId, passages),
      warn: (error) => log.warn({ err: error, deviceId }, 'passages not followed'),
    }
  }

  async #tell(deviceId: string, passages: readonly Passage[]): Promise<boolean> {
    for (let first = 0; first < passages.length; first += maxPassages) {
      const some = passages.slice(first, first + maxPassages)
      if (!(await this.#tellBatch(deviceId, some))) return false
    }
    return true
  }

  async #tellBatch(deviceId: string, passages: Passage[]): Promise<boolean> {
    const batch = newId()
    const received = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), receiptMs)
      this.#receipts.set(batch, () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
    try {
      const isTaken = await this.#deps.report({ kind: 'passages', batch, deviceId, passages })
      return isTaken && (await received)
    } finally {
      this.#receipts.delete(batch)
    }
  }
}
