/** socket.io through a real node and a real agent: it begins with polling and changes to a WebSocket. */
import { Agent, createServer } from 'node:http'
import { Server } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { enterSession } from '../rig/pages.ts'
import { type Entered, once } from '../rig/session-client.ts'
import { nothingLeft, type OwnSite, startOwnSite } from './own-site.ts'

let site: OwnSite
let device: Server
let port: number

/** Whatever `echo` brings is acknowledged with the same and sent as `news`, too. */
async function startDevice(): Promise<void> {
  // Its agent looks at `/`; who is not answered there holds up the end of the server.
  const server = createServer((_request, response) => void response.end())
  device = new Server(server)
  device.on('connection', (socket) => {
    socket.on('echo', (text: string, bytes: Buffer, done: (...args: unknown[]) => void) => {
      socket.emit('news', { text, bytes })
      done({ text, bytes })
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
}

beforeAll(async () => {
  port = await freePort()
  await startDevice()
  site = await startOwnSite({ baseUrl: `http://127.0.0.1:${port}` })
})

afterAll(async () => {
  agentHere.destroy()
  await device?.close()
  await site?.stop()
})

/** Names of sessions are at this machine, whatever its resolver knows of `*.localhost`. */
const here = { address: '127.0.0.1', family: 4 }
const agentHere = new Agent({
  lookup: (_host, { all }, done) =>
    all ? done(null, [here]) : done(null, here.address, here.family),
})

/** As a page of the device that is told its path in path mode. */
function clientIn({ base, cookie }: Entered): Socket {
  const { pathname, origin } = new URL(base)
  return io(origin, {
    path: `${pathname === '/' ? '' : pathname}/socket.io/`,
    extraHeaders: { cookie, origin },
    // The type knows browsers only.
    agent: agentHere as unknown as string,
    ...{ forceNew: true, reconnectionDelay: 200, reconnectionDelayMax: 500 },
  })
}

async function onWebSocket(client: Socket): Promise<void> {
  const isUpgraded = async () => client.io.engine?.transport.name === 'websocket'
  await eventually(isUpgraded, { what: 'the change to a WebSocket' })
}

async function exchangeOf(client: Socket, bytes: Buffer): Promise<void> {
  const news = once(client, 'news')
  const same = { text: 'olá', bytes }
  expect(await client.timeout(10_000).emitWithAck('echo', 'olá', bytes)).toEqual(same)
  expect(await news).toEqual([same])
}

test.each(['host', 'path'] as const)(
  'in %s mode events and bytes pass both ways, by polling, after the change, and again after the device’s restart',
  async (mode) => {
    const client = clientIn(await enterSession(site.node.admin, site.deviceId, { mode }))
    await once(client, 'connect')
    await exchangeOf(client, Buffer.from([0, 1, 255]))
    await onWebSocket(client)
    await exchangeOf(client, Buffer.alloc(500_000, 7))
    const lost = once(client, 'disconnect')
    await device.close()
    await lost
    const back = once(client, 'connect')
    await startDevice()
    await back
    await onWebSocket(client)
    await exchangeOf(client, Buffer.from([0, 1, 255]))
    client.disconnect()
  },
  60_000,
)

test('after it neither node nor agent holds a stream', async () => {
  await nothingLeft(site)
})
