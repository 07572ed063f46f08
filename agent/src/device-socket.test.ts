import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { createDeviceSocket } from './device-socket.ts'
import { closedPort, deviceAt, listening } from './fixtures.ts'

const policy = { allowLoopback: () => true, forbiddenPorts: () => [] as number[] }
const openerAt = (port: number, other = {}) =>
  createDeviceSocket(deviceAt(`http://127.0.0.1:${port}`), { ...policy, ...other })

async function socketDevice() {
  const requests: IncomingMessage[] = []
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (_socket, request) => requests.push(request))
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  return { port: await listening(server), sockets, requests }
}

test('a socket reaches the path at the device, with its own Host and the given headers', async () => {
  const { port, requests, sockets } = await socketDevice()
  const socket = await openerAt(port)('/websocket?x=1', { 'x-api-key': 'k' })
  expect(requests[0]).toMatchObject({
    ...{ url: '/websocket?x=1', headers: { host: `127.0.0.1:${port}`, 'x-api-key': 'k' } },
  })
  expect(requests[0]?.headers['sec-websocket-extensions']).toBeUndefined()
  socket.terminate()
  await expect.poll(() => sockets.clients.size).toBe(0)
})

test('an address that the policy forbids is not dialled', async () => {
  const { port, requests } = await socketDevice()
  const forbidden = { code: 'TARGET_FORBIDDEN' }
  const noLoopback = openerAt(port, { allowLoopback: () => false })
  await expect(noLoopback('/')).rejects.toMatchObject(forbidden)
  const ownPort = openerAt(port, { forbiddenPorts: () => [port] })
  await expect(ownPort('/')).rejects.toMatchObject(forbidden)
  expect(requests).toEqual([])
})

test('a device that refuses the connection is unreachable', async () => {
  const open = openerAt(await closedPort())
  await expect(open('/')).rejects.toMatchObject({ code: 'DEVICE_UNREACHABLE' })
})

test('a redirect is no way: the device spoke another protocol, and nothing else is dialled', async () => {
  const other = await socketDevice()
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    const location = `ws://127.0.0.1:${other.port}/`
    socket.end(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`)
  })
  const open = openerAt(await listening(server))
  await expect(open('/')).rejects.toMatchObject({ code: 'DEVICE_PROTOCOL' })
  expect(other.requests).toEqual([])
})

test('what is no WebSocket is an error and leaves no connection open', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write('SSH-2.0\r\n\r\n'))
  })
  const connected = once(server, 'connection')
  const open = openerAt(await listening(server))
  await expect(open('/')).rejects.toMatchObject({ code: 'DEVICE_PROTOCOL' })
  const [socket] = await connected
  await expect.poll(() => socket.destroyed || socket.readableEnded).toBe(true)
})

test('a fault after the opening closes the socket and is thrown at nobody', async () => {
  const { port, sockets } = await socketDevice()
  const socket = await openerAt(port)('/')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  for (const client of sockets.clients) client.send('x'.repeat(1024 * 1024 + 1))
  await closed
  await expect.poll(() => sockets.clients.size).toBe(0)
})
