import { createServer, type Socket } from 'node:net'
import { deviceAt, listening } from './fixtures.ts'
import { tunnelTo } from './tunnel.fixture.ts'

/** For tests: a device that says these bytes to whatever it is asked. */
export async function rawDevice(say: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => say(socket))
  })
  return tunnelTo(deviceAt(`http://127.0.0.1:${await listening(server)}`))
}
