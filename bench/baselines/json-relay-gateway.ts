/**
 * The original design's cloud end: HTTP in front, one WebSocket to the agent, each message JSON with the body as
 * base64. A browser that does not read stops the whole socket: this design has no credit per exchange.
 */
import { createServer, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'

/** Small answers come as one `response` with `isLast`. */
export type RelayMessage =
  | { id: number; type: 'request'; method: string; path: string; headers: OutgoingHttpHeaders }
  | {
      id: number
      type: 'response'
      status: number
      headers: OutgoingHttpHeaders
      body: string
      isLast: boolean
    }
  | { id: number; type: 'data'; body: string }
  | { id: number; type: 'end' | 'cancel' }

const waiting = new Map<number, ServerResponse>()
let agent: WebSocket | undefined
let lastId = 0

const server = createServer({ noDelay: true }, (request, response) => {
  const id = ++lastId
  const { method = 'GET', url: path = '/', headers } = request
  waiting.set(id, response)
  response.once('close', () => {
    agent?.resume()
    if (waiting.delete(id)) send({ id, type: 'cancel' })
  })
  send({ id, type: 'request', method, path, headers })
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  agent = socket
  socket.on('message', (text) => answer(JSON.parse(textOf(text)) as RelayMessage))
})
server.listen(Number(process.argv[2]), '127.0.0.1')

function send(message: RelayMessage): void {
  agent?.send(JSON.stringify(message))
}

function answer(message: RelayMessage): void {
  const response = waiting.get(message.id)
  if (!response) return
  if (message.type === 'response') response.writeHead(message.status, message.headers)
  const body = 'body' in message ? Buffer.from(message.body, 'base64') : undefined
  const isLast = message.type === 'end' || (message.type === 'response' && message.isLast)
  if (isLast) {
    waiting.delete(message.id)
    response.end(body)
  } else if (body && body.length > 0 && !response.write(body)) {
    agent?.pause()
    response.once('drain', () => agent?.resume())
  }
}

function textOf(data: RawData): string {
  return (data as Buffer).toString()
}
