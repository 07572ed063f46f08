/** The usual addresses of pictures, and which of them this camera has. */
import type { Credentials } from '@travessia/schemas/devices'
import type { CameraWish } from '@travessia/schemas/tunnel-head'
import type { Eye } from '../driver.ts'
import { basic } from '../http/basic.ts'

const usual: Readonly<Record<CameraWish, readonly string[]>> = {
  snapshot: ['/snapshot.png', '/snapshot', '/?action=snapshot', '/snapshot.jpg', '/jpg/image.jpg'],
  stream: ['/stream', '/?action=stream', '/video.mjpg', '/mjpg/video.mjpg'],
}

export class CameraEye implements Eye {
  readonly headers: Readonly<Record<string, string>>
  readonly #found = new Map<CameraWish, string>()

  constructor(credentials: Credentials | undefined) {
    this.headers = credentials ? { authorization: basic(credentials) } : {}
  }

  addresses(wish: CameraWish): readonly string[] {
    const known = this.#found.get(wish)
    return [...new Set([...(known === undefined ? [] : [known]), ...usual[wish]])]
  }

  found(wish: CameraWish, path: string): void {
    this.#found.set(wish, path)
  }
}
