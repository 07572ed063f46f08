/** The original design's agent: requests out of the WebSocket to the device, answers back in chunks of 64 KiB. */
import { Pool } from 'undici'
import { WebSocket } from 'ws'
import type { RelayMessage } from './json-relay-gateway.ts'

const chunkBytes = 64 * 1024
const smallBytes = 16 * 1024
const maxBufferedBytes = 1024 * 1024
const perHop = ['connection', 'keep-alive', 'transfer-encoding', 'host']

const [gatewayUrl, deviceUrl] = process.argv.slice(2).map(String)
const pool = new Pool(String(deviceUrl), { connections: 64, pipelining: 1 })
const cancels = new Map<number, AbortController>()
const socket = new WebSocket(String(gatewayUrl), { perMessageDeflate: false })

socket.once('open', () => console.log(JSON.stringify({ msg: 'ready' })))
socket.once('close', () => process.exit(0))
socket.on('message', (text) => {
  const message = JSON.parse((text as Buffer).toString()) as RelayMessage
  if (message.type === 'cancel') cancels.get(message.id)?.abort()
  if (message.type !== 'request') return
  forward(message)
    .catch(() => send({ id: message.id, type: 'end' }))
    .finally(() => cancels.delete(message.id))
})

async function forward(asked: Extract<RelayMessage, { type: 'request' }>): Promise<void> {
  const { id, method, path } = asked
  const cancel = new AbortController()
  cancels.set(id, cancel)
  const { statusCode, headers, body } = await pool.request({
    ...{ method: method as 'GET', path, headers: withoutHop(asked.headers), signal: cancel.signal },
  })
  const head = { id, type: 'response', status: statusCode, headers: withoutHop(headers) } as const
  if (Number(headers['content-length'] ?? Number.NaN) <= smallBytes) {
    const whole = Buffer.from(await body.arrayBuffer()).toString('base64')
    send({ ...head, body: whole, isLast: true })
    return
  }
  send({ ...head, body: '', isLast: false })
  for await (const read of body) {
    for (let at = 0; at < read.length; at += chunkBytes)
      send({ id, type: 'data', body: read.subarray(at, at + chunkBytes).toString('base64') })
    while (socket.bufferedAmount > maxBufferedBytes) await new Promise(setImmediate)
  }
  send({ id, type: 'end' })
}

function send(message: RelayMessage): void {
  socket.send(JSON.stringify(message))
}

function withoutHop(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !perHop.includes(name)))
}
