/** A plain reverse proxy as one writes it in Node: node:http in front, undici behind, bodies streamed. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

const perHop = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host']
const pool = new Pool(String(process.argv[2]), { connections: 64, pipelining: 1 })

const server = createServer({ noDelay: true }, (request, response) => {
  const { method = 'GET', url: path = '/', headers } = request
  const body = method === 'GET' || method === 'HEAD' ? null : request
  pool.dispatch(
    { method: method as 'GET', path, headers: withoutHop(headers), body },
    {
      onRequestStart(controller) {
        response.once('close', () => {
          if (!response.writableFinished) controller.abort(new Error('browser gone'))
        })
        response.on('drain', () => controller.resume())
      },
      onResponseStart(_controller, status, answered) {
        response.writeHead(status, withoutHop(answered))
      },
      onResponseData(controller, chunk) {
        if (!response.write(chunk)) controller.pause()
      },
      onResponseEnd() {
        response.end()
      },
      onResponseError() {
        if (response.headersSent) response.destroy()
        else response.writeHead(502).end()
      },
    },
  )
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'ready', port }))
})

function withoutHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = { ...headers }
  for (const name of perHop) delete kept[name]
  return kept
}
