import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { dropUploadRest } from './upload-rest.ts'

const uploadBytes = 20_000_000

async function connectTo(listener: RequestListener): Promise<Socket> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  return socket
}

const refuse = (limits?: { maxBytes: number; maxMs: number }): RequestListener => {
  return (request, response) => {
    dropUploadRest(request, response, limits)
    response.writeHead(413, { 'content-length': 9 }).end('too large')
  }
}

function head(connection: string): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Length: ${uploadBytes}\r\n\r\n`
}

test.each(['close', 'keep-alive'])(
  'a browser that reads only after it has sent all finds its answer (%s)',
  async (connection) => {
    const socket = await connectTo(refuse())
    socket.pause()
    socket.write(head(connection))
    await new Promise((resolve) => socket.write(Buffer.alloc(uploadBytes), resolve))
    if (connection === 'keep-alive')
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const answers = String(await buffer(socket)).match(/too large/g)
    expect(answers).toHaveLength(connection === 'close' ? 1 : 2)
  },
)

test.each([
  ['bytes', { maxBytes: 1_000_000, maxMs: 60_000 }, uploadBytes - 1],
  ['time', { maxBytes: uploadBytes, maxMs: 200 }, 1000],
] as const)('a browser that sends beyond the limit of %s is closed', async (_, limits, sent) => {
  let seen: IncomingMessage | undefined
  const socket = await connectTo((request, response) => {
    seen = request
    refuse(limits)(request, response)
  })
  socket.resume().write(head('keep-alive'))
  socket.write(Buffer.alloc(sent))
  await new Promise((resolve) => socket.once('close', resolve))
  expect(seen?.complete).toBe(false)
})
