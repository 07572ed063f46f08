/**
 * The JSON relay's cloud end (ADR 17): HTTP in front, one WebSocket to the agent, JSON messages, bodies
 * as base64. It has neither a cancel nor credit per exchange: a browser that does not read stops the whole socket.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'

const timeoutMs = 60_000
const pingMs = 30_000

export type RelayRequest = {
  readonly type: 'HTTP_REQUEST'
  readonly requestId: string
  readonly tenantId: string
  readonly equipId: string
  readonly target: {
    readonly baseUrl: string
    readonly method: string
    readonly path: string
    readonly headers: OutgoingHttpHeaders
    /** Only answers are measured. */
    readonly body: null
  }
  readonly timeoutMs: number
}
export type RelayAnswer =
  | {
      readonly type: 'HTTP_RESPONSE_START'
      readonly requestId: string
      readonly statusCode: number
      readonly headers: OutgoingHttpHeaders
    }
  | {
      readonly type: 'HTTP_RESPONSE_CHUNK'
      readonly requestId: string
      readonly data: string
      readonly index: number
    }
  | { readonly type: 'HTTP_RESPONSE_END'; readonly requestId: string }
export type Beat =
  | { readonly type: 'PING'; readonly ts: number }
  | { readonly type: 'PONG'; readonly ts: number }

type Waiting = { readonly response: ServerResponse; readonly overdue: NodeJS.Timeout }

const [port, baseUrl] = process.argv.slice(2).map(String)
const [tenantId, equipId] = [randomUUID(), randomUUID()]
const waiting = new Map<string, Waiting>()
let agent: WebSocket | undefined

const server = createServer({ noDelay: true }, (request, response) => {
  const requestId = randomUUID()
  const { method = 'GET', url: path = '/', headers } = request
  const overdue = setTimeout(() => {
    waiting.delete(requestId)
    response.writeHead(504).end()
  }, timeoutMs)
  waiting.set(requestId, { response, overdue })
  response.once('close', () => agent?.resume())
  const target = { baseUrl: String(baseUrl), method, path, headers, body: null }
  send({ type: 'HTTP_REQUEST', requestId, tenantId, equipId, target, timeoutMs })
})
const sockets = new WebSocketServer({ server, path: '/ws/connectors', perMessageDeflate: false })
sockets.on('connection', (socket) => {
  agent = socket
  socket.on('message', (text) => {
    const message = JSON.parse(textOf(text)) as RelayAnswer | Beat
    if (message.type === 'PING') send({ type: 'PONG', ts: message.ts })
    else if (message.type !== 'PONG') answer(message)
  })
})
setInterval(() => send({ type: 'PING', ts: Date.now() }), pingMs)
server.listen(Number(port), '127.0.0.1')

function send(message: RelayRequest | Beat): void {
  agent?.send(JSON.stringify(message))
}

function answer(message: RelayAnswer): void {
  const { response, overdue } = waiting.get(message.requestId) ?? {}
  if (!response) return
  if (message.type === 'HTTP_RESPONSE_START') {
    clearTimeout(overdue)
    response.writeHead(message.statusCode, message.headers)
  } else if (message.type === 'HTTP_RESPONSE_END') {
    waiting.delete(message.requestId)
    // Without a start: the device did not answer.
    clearTimeout(overdue)
    if (!response.headersSent) response.writeHead(502)
    response.end()
  } else if (!response.write(Buffer.from(message.data, 'base64')) && !response.closed) {
    agent?.pause()
    response.once('drain', () => agent?.resume())
  }
}

function textOf(data: RawData): string {
  return (data as Buffer).toString()
}
