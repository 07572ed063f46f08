/** What one device is now and was in the last hour: fetched, then kept up by the live stream. */
import type { DeviceHistory, KnownState, LiveState } from '@travessia/schemas/api'
import type { DeviceState } from '@travessia/schemas/device-state'
import { ApiError, get } from '../api.ts'
import { Resource } from './resource.svelte.ts'

const shownMs = 3_600_000
/** As the server samples it. */
const betweenMs = 10_000

export class DeviceLive {
  readonly known: Resource<KnownState>
  series = $state<DeviceHistory['series']>({})
  readonly #path: string

  constructor(deviceId: string) {
    this.#path = `/api/devices/${deviceId}`
    this.known = new Resource(`${this.#path}/state`)
    void this.#loadSeries()
  }

  async load(): Promise<void> {
    await Promise.all([this.known.load(), this.#loadSeries()])
  }

  take({ state, at }: LiveState): void {
    this.known.put({ state, at })
    if (!state || at === null) return
    const atMs = Date.parse(at)
    for (const [name, value] of samplesOf(state)) {
      const points = (this.series[name] ?? []).filter(([then]) => then > atMs - shownMs)
      if ((points.at(-1)?.[0] ?? 0) <= atMs - betweenMs) points.push([atMs, value])
      this.series[name] = points
    }
  }

  /** Not kept for later: without a network a chart of the last hour says nothing. */
  async #loadSeries(): Promise<void> {
    const from = new Date(Date.now() - shownMs).toISOString()
    try {
      this.series = (await get<DeviceHistory>(`${this.#path}/history?from=${from}`)).series
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    }
  }
}

function samplesOf({ temperatures = [], turns }: DeviceState): Array<[string, number]> {
  const heat = temperatures.map(({ sensor, actual }): [string, number] => [sensor, actual])
  return turns ? [...heat, ['turns', turns.left + turns.right]] : heat
}
