/**
 * A simulated LAN system on three ports: its front calls an API and a slicer at `//{its own host}:{port}`, as
 * such systems do. The API also echoes WebSocket messages.
 */
import { WebSocketServer } from 'ws'
import { DeviceServer, type Handler, html, json } from './device-server.ts'

type SystemOptions = {
  readonly port: number
  readonly apiPort: number
  readonly slicerPort: number
}

const anyOrigin = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
const maxMessageBytes = 64 * 1024

export function createSystem({ port, apiPort, slicerPort }: SystemOptions) {
  const api = new DeviceServer(apiHandler, { port: apiPort })
  const slicer = new DeviceServer(slicerHandler, { port: slicerPort })
  const ports = { api: 0, slicer: 0 }
  const front = new DeviceServer(
    ({ url }) => (url.pathname === '/' ? html(page(ports)) : json({ error: 'Not found' }, 404)),
    { port },
  )
  const sockets = new WebSocketServer({
    server: api.server,
    path: '/ws',
    maxPayload: maxMessageBytes,
  })
  // The server's own, which its start hears.
  sockets.on('error', () => undefined)
  sockets.on('connection', (socket) => {
    socket.on('error', () => undefined)
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return {
    async start() {
      const [apiUrl, slicerUrl] = await Promise.all([api.start(), slicer.start()])
      ports.api = Number(new URL(apiUrl).port)
      ports.slicer = Number(new URL(slicerUrl).port)
      return { url: await front.start(), apiUrl, slicerUrl }
    },
    async stop() {
      for (const socket of sockets.clients) socket.terminate()
      await Promise.all([front.stop(), api.stop(), slicer.stop()])
    },
  }
}

const apiHandler: Handler = ({ url, method }) => {
  if (method === 'OPTIONS') return { status: 204, headers: anyOrigin }
  if (url.pathname !== '/status') return json({ error: 'Not found' }, 404)
  return { ...json({ name: 'Sistema local', orders: 12, at: Date.now() }), headers: anyOrigin }
}

const slicerHandler: Handler = ({ url }) =>
  url.pathname === '/queue'
    ? { ...json({ queue: ['suporte.gcode', 'tampa.gcode'] }), headers: anyOrigin }
    : json({ error: 'Not found' }, 404)

const page = ({ api, slicer }: { api: number; slicer: number }) => `<!doctype html>
<html lang="pt-BR"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sistema local</title><style>body { font-family: system-ui, sans-serif; margin: 0; background: #eef2e6 } main { max-width: 640px; margin: auto; padding: 20px }</style>
</head><body><main><h1>Sistema local</h1><p>Pedidos: <b id="orders">…</b></p><p>Fila: <b id="queue">…</b></p></main><script>
const show = (id, text) => { document.getElementById(id).textContent = text }
const at = (port, path) => fetch('//' + location.hostname + ':' + port + path).then(r => r.json())
at(${api}, '/status').then(v => show('orders', v.orders), () => show('orders', 'sem resposta'))
at(${slicer}, '/queue').then(v => show('queue', v.queue.join(', ')), () => show('queue', 'sem resposta'))
</script></body></html>`
