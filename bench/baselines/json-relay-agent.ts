/** The JSON relay's agent (ADR 17): requests out of the WebSocket to the device, answers back as they are read. */
import { Pool } from 'undici'
import { WebSocket } from 'ws'
import type { Beat, RelayAnswer, RelayRequest } from './json-relay-gateway.ts'

const maxBufferedBytes = 1024 * 1024
const perHop = ['connection', 'keep-alive', 'transfer-encoding', 'host']

const [gatewayUrl] = process.argv.slice(2).map(String)
const pools = new Map<string, Pool>()
const socket = new WebSocket(String(gatewayUrl), { perMessageDeflate: false })

socket.once('open', () => console.log(JSON.stringify({ msg: 'ready' })))
socket.once('close', () => process.exit(0))
socket.on('message', (text) => {
  const message = JSON.parse((text as Buffer).toString()) as RelayRequest | Beat
  if (message.type === 'PING') send({ type: 'PONG', ts: message.ts })
  if (message.type !== 'HTTP_REQUEST') return
  const { requestId } = message
  forward(message).catch(() => send({ type: 'HTTP_RESPONSE_END', requestId }))
})

async function forward({ requestId, target, timeoutMs }: RelayRequest): Promise<void> {
  const { statusCode, headers, body } = await poolOf(target.baseUrl).request({
    ...{ method: target.method as 'GET', path: target.path, headers: withoutHop(target.headers) },
    ...{ headersTimeout: timeoutMs, bodyTimeout: timeoutMs },
  })
  send({ type: 'HTTP_RESPONSE_START', requestId, statusCode, headers: withoutHop(headers) })
  let index = 0
  for await (const read of body as AsyncIterable<Buffer>) {
    send({ type: 'HTTP_RESPONSE_CHUNK', requestId, data: read.toString('base64'), index })
    index += 1
    while (socket.bufferedAmount > maxBufferedBytes) await new Promise(setImmediate)
  }
  send({ type: 'HTTP_RESPONSE_END', requestId })
}

function poolOf(baseUrl: string): Pool {
  const pool = pools.get(baseUrl) ?? new Pool(baseUrl, { connections: 64, pipelining: 1 })
  pools.set(baseUrl, pool)
  return pool
}

function send(message: RelayAnswer | Beat): void {
  socket.send(JSON.stringify(message))
}

function withoutHop(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !perHop.includes(name)))
}
