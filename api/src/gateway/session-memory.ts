/** What the node keeps of a remote session beside its facts, as long as it lives; a restart of the node forgets it. */
import { CookieJar } from '@travessia/schemas/cookie-jar'
import type { DeviceRow } from '../views/devices.ts'
import { type PublicView, viewOf } from './public-address.ts'
import { Slots } from './slots.ts'

const maxConcurrent = 128
const maxWaiting = 512
/** Each may hold a message that is not whole. A page has a few. */
export const maxSockets = 64

type Seen = {
  readonly device: DeviceRow
  readonly port: number | undefined
  readonly view: PublicView
}

export class SessionMemory {
  /** `http://{sessionId}.remote.localhost:8002` */
  readonly origin: string
  readonly jar = new CookieJar()
  readonly slots = new Slots(maxConcurrent, maxWaiting)
  /** WebSockets, their handshakes too. */
  sockets = 0
  /** Requests that left the session's path. */
  escapes = 0
  /** The last one: until the device's row is another, its pages are seen the same way. */
  #seen: Seen | undefined

  constructor(origin: string) {
    this.origin = origin
  }

  /** @throws TravessiaError TARGET_FORBIDDEN for what has no HTTP address */
  viewOf(device: DeviceRow, base: string, port: number | undefined): PublicView {
    const seen = this.#seen
    if (seen?.device === device && seen.port === port) return seen.view
    const view = viewOf(device, { publicOrigin: this.origin, base, port })
    this.#seen = { device, port, view }
    return view
  }
}
