/** A device whose answers are text and never the same twice: `/N` is N bytes. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const text = Buffer.from(randomBytes(768 * 1024).toString('base64'))

const server = createServer(({ url = '' }, response) => {
  const length = Number(url.slice(1))
  const from = Math.floor(Math.random() * (text.length - length))
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': length })
  response.end(text.subarray(from, from + length))
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ msg: 'ready', port }))
})
