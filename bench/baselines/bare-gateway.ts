/** The cloud end of the bare tunnel. */
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { type BareFrame, bareWriter, perHop, readBareFrames } from './bare-tunnel.ts'

const [port, linkPort] = process.argv.slice(2).map(Number)
const waiting = new Map<number, ServerResponse>()
const nothing = new Uint8Array()
let send: (frame: BareFrame) => void = () => undefined
let newest = 0

createTcpServer({ noDelay: true }, (agent) => {
  send = bareWriter(agent)
  readBareFrames(agent, ({ id, isLast, head, body }) => {
    const response = waiting.get(id)
    if (!response) return
    if (head !== '') {
      const [status, headers] = JSON.parse(head) as [number, string[]]
      response.writeHead(status, headers)
      response.once('close', () => agent.resume())
    }
    if (isLast) {
      waiting.delete(id)
      response.end(body)
    } else if (!response.write(body) && !response.closed) {
      agent.pause()
      response.once('drain', () => agent.resume())
    }
  })
}).listen(linkPort, '127.0.0.1')

createServer({ noDelay: true }, ({ method, url, rawHeaders }, response) => {
  newest += 1
  waiting.set(newest, response)
  const headers: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    if (!perHop.has(name.toLowerCase())) headers.push(name, value)
  }
  const head = JSON.stringify([method, url, headers])
  send({ id: newest, isLast: true, head, body: nothing })
}).listen(port, '127.0.0.1')
