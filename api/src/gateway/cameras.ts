/**
 * Who looks at which camera. Each viewing is a fact before anything is read, and another when it ends; killed in
 * between, the next start writes the end (`crash-recovery.ts`).
 */
import type { ServerResponse } from 'node:http'
import { TravessiaError } from '@travessia/schemas/errors'
import { newTimeId } from '@travessia/schemas/ids'
import { putNewest } from '@travessia/schemas/newest'
import type { Logger } from 'pino'
import { handle } from '../domain/decider.ts'
import { viewing as decider, type ViewingIntent, type ViewMode } from '../domain/viewing.ts'
import { eventContext } from '../event-context.ts'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import { CameraFeed } from './camera-feed.ts'
import { type CameraSource, type Picture, picturesOf, takeSnapshot } from './camera-source.ts'
import { CameraViewing } from './camera-viewing.ts'
import type { DeviceAccess } from './device-access.ts'
import { Slots } from './slots.ts'

export const cameraLimits = {
  viewersPerDevice: 8,
  viewersPerTenant: 32,
  /** Then the app asks whether somebody is still there. */
  viewMs: 10 * 60_000,
  /** Between two questions whether somebody may still look. */
  welcomeMs: 4_000,
  /** A camera that sends no picture for so long has stopped. */
  silenceMs: 15_000,
  /** A connection that takes nothing for so long is dead. */
  stallMs: 30_000,
}
const freshMs = 2_000
const snapshotFactMs = 5 * 60_000
const maxRemembered = 10_000
const waitMs = 15_000
/** A camera without a stream is asked for each picture, for as long as somebody watches. */
const useMs = 12 * 3600_000
const [snapshotsAtOnce, snapshotsWaiting] = [8, 64]

type Onlooker = {
  readonly device: DeviceRow
  readonly userId: string
  readonly correlationId: string
}
export type ViewRequest = Onlooker & {
  readonly mode: ViewMode
  /** Asked every few seconds: still signed in, and allowed? */
  readonly isWelcome: () => Promise<boolean>
  /** The browser has gone. */
  readonly gone: AbortSignal
}

type Deps = {
  readonly store: EventStore
  readonly access: Pick<DeviceAccess, 'ready' | 'clientOf'>
  readonly now: () => number
  readonly log: Logger
  readonly limits: typeof cameraLimits
}

export class Cameras {
  readonly #deps: Deps
  readonly #feeds = new Map<string, CameraFeed>()
  /** Also those that wait for their first picture. */
  readonly #viewings = new Map<CameraViewing, { device: DeviceRow; isDone: Promise<void> }>()
  readonly #snapshots = new Map<string, Promise<Picture>>()
  readonly #slots = new Map<string, Slots>()
  /** When a snapshot was last recorded, by person and camera. */
  readonly #recorded = new Map<string, number>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** One picture; whoever asks at the same time gets the same. @throws TravessiaError as `watch` */
  async snapshot(onlooker: Onlooker): Promise<Picture> {
    const { device } = onlooker
    await this.#ready(device)
    await this.#recordSnapshot(onlooker)
    const newest = this.#feeds.get(keyOf(device, 'stream'))?.newest
    if (newest && newest.at > this.#deps.now() - freshMs) return newest
    const running = this.#snapshots.get(device.id)
    if (running !== undefined) return running
    const taking = this.#take(device).finally(() => this.#snapshots.delete(device.id))
    this.#snapshots.set(device.id, taking)
    return taking
  }

  /**
   * Shows the camera until one end gives up; resolves when that is recorded.
   * @param begin called when the first picture is there: until then every failure is thrown
   * @throws TravessiaError NOT_FOUND (no camera), CAMERA_*, AGENT_*, DEVICE_*, STORE_UNAVAILABLE
   */
  async watch(request: ViewRequest, begin: () => ServerResponse): Promise<void> {
    const { device } = request
    this.#requireRoom(device)
    const viewing = new CameraViewing(this.#deps.limits.stallMs)
    const isDone = this.#run(viewing, request, begin)
    this.#viewings.set(viewing, { device, isDone })
    await isDone.finally(() => this.#viewings.delete(viewing))
  }

  /** Ends every viewing; resolves when their ends are recorded. */
  async stop(): Promise<void> {
    for (const viewing of this.#viewings.keys()) viewing.end('node-stop')
    await Promise.allSettled([...this.#viewings.values()].map(({ isDone }) => isDone))
  }

  async #run(
    viewing: CameraViewing,
    request: ViewRequest,
    begin: () => ServerResponse,
  ): Promise<void> {
    const { device, mode } = request
    await this.#ready(device)
    const id = newTimeId(this.#deps.now())
    await this.#record(request, id, { type: 'OpenView', mode })
    const startedAt = this.#deps.now()
    const release = this.#guard(viewing, request)
    try {
      await this.#look(viewing, request, begin)
    } catch (error) {
      viewing.end(error instanceof TravessiaError ? error.code : 'INTERNAL')
      throw error
    } finally {
      release()
      const end = { ...viewing.totals, durationMs: this.#deps.now() - startedAt }
      await this.#record(request, id, { type: 'CloseView', end }).catch((error: unknown) =>
        this.#deps.log.error({ err: error, deviceId: device.id }, 'event not recorded'),
      )
    }
  }

  async #look(
    viewing: CameraViewing,
    { device, mode }: ViewRequest,
    begin: () => ServerResponse,
  ): Promise<void> {
    const source = await this.#sourceOf(device)
    const key = keyOf(device, mode)
    const feed =
      this.#feeds.get(key) ??
      new CameraFeed({
        read: (signal) => picturesOf(source, mode, signal),
        onEnd: () => this.#feeds.delete(key),
        silenceMs: this.#deps.limits.silenceMs,
      })
    this.#feeds.set(key, feed)
    feed.join(viewing.frames)
    try {
      await viewing.show(await viewing.first(), begin())
    } finally {
      feed.leave(viewing.frames)
    }
  }

  /** What ends a viewing from outside. */
  #guard(viewing: CameraViewing, { isWelcome, gone }: ViewRequest): () => void {
    const leave = () => viewing.end('viewer')
    const sendAway = () => viewing.end('access-changed')
    const ask = () => isWelcome().then((is) => is || sendAway(), sendAway)
    const limit = setTimeout(() => viewing.end('time-limit'), this.#deps.limits.viewMs)
    const watch = setInterval(() => void ask(), this.#deps.limits.welcomeMs)
    if (gone.aborted) leave()
    gone.addEventListener('abort', leave, { once: true })
    return () => {
      clearTimeout(limit)
      clearInterval(watch)
      gone.removeEventListener('abort', leave)
    }
  }

  #requireRoom({ id, tenantId }: DeviceRow): void {
    const { viewersPerDevice, viewersPerTenant } = this.#deps.limits
    const devices = [...this.#viewings.values()].map(({ device }) => device)
    const [here, inAll] = [
      devices.filter((device) => device.id === id).length,
      devices.filter((device) => device.tenantId === tenantId).length,
    ]
    if (here >= viewersPerDevice || inAll >= viewersPerTenant)
      throw new TravessiaError('CAMERA_BUSY')
  }

  /** Only the agent's driver can sign in at a camera; who is no camera has no pictures. */
  async #ready(device: DeviceRow): Promise<void> {
    if (device.driver !== 'camera' || !device.viaAgent) throw new TravessiaError('NOT_FOUND')
    await this.#deps.access.ready(device)
  }

  async #sourceOf(device: DeviceRow): Promise<CameraSource> {
    const { access, now } = this.#deps
    const use = { access: 'readonly', expiresAt: now() + useMs } as const
    return { client: await access.clientOf(device, use), device, now }
  }

  async #take(device: DeviceRow): Promise<Picture> {
    const { tenantId } = device
    const slots = this.#slots.get(tenantId) ?? new Slots(snapshotsAtOnce, snapshotsWaiting)
    this.#slots.set(tenantId, slots)
    const free = await slots.take(AbortSignal.timeout(waitMs))
    try {
      return await takeSnapshot(await this.#sourceOf(device))
    } finally {
      free()
    }
  }

  /** Tiles ask again and again: once in five minutes is said. */
  async #recordSnapshot(onlooker: Onlooker): Promise<void> {
    const key = `${onlooker.userId} ${onlooker.device.id}`
    const at = this.#deps.now()
    if ((this.#recorded.get(key) ?? 0) > at - snapshotFactMs) return
    await this.#record(onlooker, newTimeId(at), { type: 'RequestSnapshot' })
    putNewest(this.#recorded, [key, at], maxRemembered)
  }

  async #record(
    { device, userId, correlationId }: Onlooker,
    streamId: string,
    intent: ViewingIntent,
  ): Promise<void> {
    const { tenantId, installationId, id: deviceId } = device
    const places = { installationId, deviceId, correlationId }
    const context = eventContext({ type: 'user', id: userId }, this.#deps.now(), places)
    const stream = { tenantId, streamKind: 'camera', streamId } as const
    await handle(this.#deps.store, decider, stream, intent, context)
  }
}

function keyOf(device: DeviceRow, mode: ViewMode): string {
  return `${device.id} ${mode}`
}
