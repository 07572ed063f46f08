/** A simulated camera: a picture that moves, as `GET /snapshot.png` and as an endless multipart stream at `/stream`. */

import type { ServerResponse } from 'node:http'
import { crc32, deflateSync } from 'node:zlib'
import { DeviceServer, type Handler, html, json } from './device-server.ts'

const width = 160
const height = 90
const frameMs = 500

export function createCamera({ port, host }: { port: number; host?: string }) {
  const viewers = new Set<NodeJS.Timeout>()

  function stream(response: ServerResponse): undefined {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' })
    const send = () => {
      const picture = snapshot(Date.now())
      if (response.writableNeedDrain) return
      const head = `--frame\r\nContent-Type: image/png\r\nContent-Length: ${picture.length}\r\n\r\n`
      response.write(Buffer.concat([Buffer.from(head), picture, Buffer.from('\r\n')]))
    }
    send()
    const timer = setInterval(send, frameMs)
    viewers.add(timer)
    response.once('close', () => {
      clearInterval(timer)
      viewers.delete(timer)
    })
  }

  const handle: Handler = ({ url }, response) => {
    switch (url.pathname) {
      case '/':
        return html(page)
      case '/snapshot.png':
        return {
          ...{ type: 'image/png', headers: { 'cache-control': 'no-store' } },
          body: snapshot(Date.now()),
        }
      case '/stream':
        return stream(response)
      default:
        return json({ error: 'Not found' }, 404)
    }
  }
  const server = new DeviceServer(handle, { port, ...(host === undefined ? {} : { host }) })
  return {
    start: async () => ({ url: await server.start() }),
    stop: () => server.stop(),
    /** How many streams are being read now. */
    viewers: () => viewers.size,
  }
}

/** A bar that wanders over a grey gradient, as PNG. */
export function snapshot(at: number): Buffer {
  const bar = Math.floor(at / 100) % width
  const rows = Buffer.alloc(height * (width * 3 + 1))
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const offset = y * (width * 3 + 1) + 1 + x * 3
      const isBar = Math.abs(x - bar) < 6
      rows[offset] = isBar ? 240 : 40 + y
      rows[offset + 1] = isBar ? 160 : 60 + y
      rows[offset + 2] = isBar ? 40 : 80 + Math.floor(x / 2)
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, check])
}

const page = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Câmera</title>
<style>body { margin: 0; background: #111; color: #eee; font-family: system-ui, sans-serif } main { max-width: 700px; margin: auto; padding: 16px } img { width: 100%; border-radius: 8px }</style>
</head><body><main><h1>Câmera Recepção</h1><img src="/stream" alt="Imagem ao vivo"><p><a href="snapshot.png">Foto</a></p></main></body></html>`
