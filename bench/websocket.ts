/** Round trip of 64 bytes to an echo in the device, through the tunnel and, in turns, straight to it. */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { WebSocket } from 'ws'
import { startEndlessDevice } from './endless.ts'
import { figuresOf, type Row, type RowPlace } from './rows.ts'
import { openDevice, type Page, register, startAgent, startNode } from './travessia.ts'

const message = Buffer.alloc(64, 'w')

export async function websocket({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const node = await startNode(directory, { recording: 'relaxed' })
  const api = await register(node.httpUrl)
  const agent = await startAgent({ directory, httpUrl: node.httpUrl, api })
  const device = await startEndlessDevice(directory)
  const page = await openDevice(api, agent.installationId, { baseUrl: device.url })
  const tunnel = await open(page)
  const direct = await open({ url: device.url, headers: {} })
  const count = isQuick ? 200 : 5_000
  const times: { tunnel: number[]; direct: number[] } = { tunnel: [], direct: [] }
  for (let n = 0; n < 2 * count; n += 1) {
    const [tunnelMs, directMs] = [await echo(tunnel), await echo(direct)]
    // The first half is to warm up.
    if (n < count) continue
    times.tunnel.push(tunnelMs)
    times.direct.push(directMs)
  }
  for (const socket of [tunnel, direct]) socket.terminate()
  const [ours, alone] = [figuresOf(times.tunnel), figuresOf(times.direct)]
  return {
    ...{ echoP50Ms: ours.p50, echoP95Ms: ours.p95 },
    ...{ directP50Ms: alone.p50, directP95Ms: alone.p95 },
  }
}

async function open({ url, headers }: Page): Promise<WebSocket> {
  const host = headers['Host']
  const origin = host === undefined ? {} : { origin: `http://${host}` }
  const address = `${url.replace('http:', 'ws:')}/echo`
  const socket = new WebSocket(address, { perMessageDeflate: false, headers, ...origin })
  await once(socket, 'open')
  return socket
}

async function echo(socket: WebSocket): Promise<number> {
  const begun = performance.now()
  socket.send(message)
  await once(socket, 'message')
  return performance.now() - begun
}
