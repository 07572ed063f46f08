/**
 * A device whose `/endless/NAME` never ends and goes as fast as it is read; `/small` is 1 KiB; `/upload` takes all;
 * WebSockets echo. `/seen/NAME` says of an endless answer how much was written and when its socket closed, in ms of
 * the clock that all processes of a machine share.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { type Seen, sharedNow } from './endless.ts'

const small = Buffer.alloc(1024, 's')
const piece = Buffer.alloc(64 * 1024, 'e')
const seen = new Map<string, Seen>()

const server = createServer((request, response) => {
  const [, what = '', name = ''] = (request.url ?? '').split('/')
  if (what === 'endless') pour(name, response)
  else if (what === 'seen') response.end(JSON.stringify(seen.get(name) ?? { bytes: 0 }))
  else if (what === 'upload') request.resume().once('end', () => response.end('taken'))
  else response.end(small)
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'ready', port }))
})

function pour(name: string, response: ServerResponse): void {
  let bytes = 0
  response.once('close', () => seen.set(name, { bytes, closedAt: sharedNow() }))
  response.writeHead(200, { 'content-type': 'video/mp4' })
  const more = () => {
    do bytes += piece.length
    while (response.write(piece))
    if (!response.destroyed) seen.set(name, { bytes })
  }
  response.on('drain', more)
  more()
}
