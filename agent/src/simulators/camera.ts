/**
 * A simulated camera: pictures with the time and a number, as `GET /snapshot.png` and as an endless multipart stream at
 * `/stream`. `GET /__simulator/state` says how many streams are being read; `POST /__simulator/faults` makes trouble.
 */

import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { picture } from './camera-picture.ts'
import { type Answer, type DeviceRequest, DeviceServer, html, json } from './device-server.ts'

type CameraOptions = {
  readonly port: number
  /** Given: nothing without them (Basic). */
  readonly login?: string
  readonly password?: string
}

type Faults = {
  /** Before each answer. */
  readonly slowMs?: number
  /** Streams stay open and send no picture any more. */
  readonly stall?: boolean
  /** Parts without `Content-Length`. */
  readonly noLength?: boolean
  /** The stream calls itself something else. */
  readonly wrongType?: boolean
  /** Pages instead of pictures, with status 200. */
  readonly noPicture?: boolean
}

const frameMs = 200

export function createCamera(options: CameraOptions): Camera {
  return new Camera(options)
}

class Camera {
  readonly #server: DeviceServer
  readonly #wanted: string | undefined
  readonly #viewers = new Set<NodeJS.Timeout>()
  #faults: Faults = {}
  #pictures = 0

  constructor({ port, login, password = '' }: CameraOptions) {
    this.#wanted =
      login === undefined
        ? undefined
        : `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`
    this.#server = new DeviceServer((request, response) => this.#answer(request, response), {
      port,
    })
  }

  async start(): Promise<{ url: string }> {
    return { url: await this.#server.start() }
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  /** How many streams are being read now. */
  viewers(): number {
    return this.#viewers.size
  }

  async #answer(
    { url, headers, body }: DeviceRequest,
    response: ServerResponse,
  ): Promise<Answer | undefined> {
    if (url.pathname === '/__simulator/state')
      return json({ viewers: this.viewers(), pictures: this.#pictures })
    if (url.pathname === '/__simulator/faults') {
      this.#faults = JSON.parse(body) as Faults
      return json(this.#faults)
    }
    await sleep(this.#faults.slowMs ?? 0)
    if (this.#wanted !== undefined && headers.authorization !== this.#wanted)
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="camera"' } }
    if (this.#faults.noPicture) return html(page)
    switch (url.pathname) {
      case '/':
        return html(page)
      case '/snapshot.png':
        return {
          ...{ type: 'image/png', headers: { 'cache-control': 'no-store' } },
          body: this.#picture(),
        }
      case '/stream':
        return this.#stream(response)
      default:
        return json({ error: 'Not found' }, 404)
    }
  }

  #stream(response: ServerResponse): undefined {
    const type = this.#faults.wrongType ? 'text/plain' : 'multipart/x-mixed-replace; boundary=frame'
    response.writeHead(200, { 'content-type': type })
    response.flushHeaders()
    const send = () => {
      if (this.#faults.stall || response.writableNeedDrain) return
      const body = this.#picture()
      const length = this.#faults.noLength ? '' : `Content-Length: ${body.length}\r\n`
      const head = `--frame\r\nContent-Type: image/png\r\n${length}\r\n`
      response.write(Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n')]))
    }
    send()
    const timer = setInterval(send, frameMs)
    this.#viewers.add(timer)
    response.once('close', () => {
      clearInterval(timer)
      this.#viewers.delete(timer)
    })
  }

  #picture(): Buffer {
    this.#pictures += 1
    return picture(Date.now(), this.#pictures)
  }
}

const page = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Câmera</title>
<style>body { margin: 0; background: #111; color: #eee; font-family: system-ui, sans-serif } main { max-width: 700px; margin: auto; padding: 16px } img { width: 100%; border-radius: 8px }</style>
</head><body><main><h1>Câmera Recepção</h1><img src="/stream" alt="Imagem ao vivo"><p><a href="snapshot.png">Foto</a></p></main></body></html>`
