/**
 * Watches every registered device through its driver and says what changed: at most once a second per device, and
 * again each minute. Lost on the way: the next minute's word repairs it. Nothing is kept over a restart.
 */
import type { DeviceState, StateReport } from '@travessia/schemas/device-state'
import type { AgentDevice } from '@travessia/schemas/devices'
import type { Logger } from 'pino'
import type { Driver } from './drivers/driver.ts'

const betweenMs = 1_000
const repeatMs = 60_000

type Deps = {
  readonly driverFor: (device: AgentDevice) => Promise<Driver>
  readonly tell: (report: StateReport) => void
  readonly log: Logger
}

type Watched = { readonly key: string; again(): void; stop(): void }

export class DeviceWatch {
  readonly #deps: Deps
  readonly #watched = new Map<string, Watched>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** The devices that are registered now; those of before that are not among them are left. */
  update(devices: readonly AgentDevice[]): void {
    const wanted = new Map(devices.map((device) => [device.deviceId, JSON.stringify(device)]))
    for (const [id, { key, stop }] of this.#watched) {
      if (wanted.get(id) === key) continue
      stop()
      this.#watched.delete(id)
    }
    for (const device of devices) {
      if (this.#watched.has(device.deviceId)) continue
      this.#watched.set(device.deviceId, this.#watch(device))
    }
  }

  /** There is a connection again: what was said meanwhile is lost. */
  again(): void {
    for (const { again } of this.#watched.values()) again()
  }

  stop(): void {
    this.update([])
  }

  #watch(device: AgentDevice): Watched {
    const { deviceId } = device
    const reporter = new Reporter((state) => this.#deps.tell({ deviceId, state }))
    let isStopped = false
    let stopDriver = () => {}
    this.#deps.driverFor(device).then(
      (driver) => {
        if (!isStopped) stopDriver = driver.watch?.((state) => reporter.saw(state)) ?? stopDriver
      },
      (error: unknown) => this.#deps.log.warn({ err: error, deviceId }, 'device not watched'),
    )
    return {
      key: JSON.stringify(device),
      again: () => reporter.say(),
      stop: () => {
        isStopped = true
        stopDriver()
        reporter.stop()
      },
    }
  }
}

/** Change detection and rate limit of one device. */
class Reporter {
  readonly #send: (state: DeviceState) => void
  readonly #repeat: NodeJS.Timeout
  #state: DeviceState | undefined
  #said = ''
  #saidAt = Number.NEGATIVE_INFINITY
  #later: NodeJS.Timeout | undefined

  constructor(send: (state: DeviceState) => void) {
    this.#send = send
    this.#repeat = setInterval(() => this.say(), repeatMs)
  }

  saw(state: DeviceState): void {
    this.#state = state
    if (JSON.stringify(state) === this.#said || this.#later) return
    const inMs = this.#saidAt + betweenMs - performance.now()
    if (inMs <= 0) this.say()
    else this.#later = setTimeout(() => this.say(), inMs)
  }

  stop(): void {
    clearInterval(this.#repeat)
    clearTimeout(this.#later)
  }

  /** What is known now, also if it was said before. */
  say(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    if (!this.#state) return
    this.#said = JSON.stringify(this.#state)
    this.#saidAt = performance.now()
    this.#send(this.#state)
  }
}
