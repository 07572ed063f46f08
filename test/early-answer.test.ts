/**
 * Devices that answer an upload before it has ended, through a real node and a real agent: the browser gets the
 * answer whole before it has sent all, and may send on, and the log has it.
 */
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { factsOf } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { listen } from '../rig/own-device.ts'
import { enterSession } from '../rig/pages.ts'
import { blocks } from '../rig/scripted-device.ts'
import { type Entered, once } from '../rig/session-client.ts'
import { nothingLeft, type OwnSite, startOwnSite } from './own-site.ts'

const uploadBytes = 50 * 1024 * 1024
/** Between the browser and the device: windows of the tunnel and buffers of sockets. */
const underWayBytes = 20 * 1024 * 1024

type Answering = (socket: Socket) => void
const sockets = new Set<Socket>()
let answering: Answering = () => undefined
const device = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => undefined)
  answering(socket)
})
let site: OwnSite
let session: Entered

beforeAll(async () => {
  site = await startOwnSite({ baseUrl: await listen(device) })
  session = await enterSession(site.node.admin, site.deviceId)
})

afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  device.close()
  await site?.stop()
})

function answerOf(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** As soon as so much of the request is there. */
function after(bytes: number, say: Answering): Answering {
  return (socket) => {
    let got = 0
    socket.on('data', (chunk) => {
      got += chunk.length
      if (got - chunk.length < bytes && got >= bytes) say(socket)
    })
  }
}

const refused = answerOf('413 Too Large', 'too large')
const stranger = answerOf('401 Unauthorized', 'who are you?')
const half = uploadBytes / 2

const devices: Record<string, readonly [Answering, status: number, body: string, took: number]> = {
  'says 413 and closes at once': [
    after(1, (socket) => socket.pause().write(refused, () => socket.destroy())),
    ...([413, 'too large', 0] as const),
  ],
  'says 413 and resets the connection': [
    after(1, (socket) => socket.pause().write(refused, () => socket.resetAndDestroy())),
    ...([413, 'too large', 0] as const),
  ],
  'says 401 and reads on': [
    after(1, (socket) => socket.write(stranger)),
    ...([401, 'who are you?', 0] as const),
  ],
  'says 401 and reads no more': [
    after(1, (socket) => socket.pause().write(stranger)),
    ...([401, 'who are you?', 0] as const),
  ],
  'says 200 after half of it and reads on': [
    after(half, (socket) => socket.write(answerOf('200 OK', 'enough'))),
    ...([200, 'enough', half] as const),
  ],
}

const cases = Object.keys(devices).flatMap((name) => [
  { name, framing: 'in chunks', header: 'Transfer-Encoding: chunked', isChunked: true },
  { name, framing: 'with a length', header: `Content-Length: ${uploadBytes}`, isChunked: false },
])

type Answered = { readonly status: number; readonly requestBody: { readonly bytes: number } }

/** Asked for by what they are: that somebody reads the log is a fact as well, and the last one. */
async function answersInLog() {
  return factsOf(site.node.admin, `&sessionId=${session.sessionId}&type=HttpResponseReceived`)
}

/** Node's own client stops sending once it has its answer. */
async function send(browser: Socket, bytes: number, isChunked: boolean): Promise<void> {
  for (const block of blocks(bytes)) {
    if (isChunked) browser.write(`${block.length.toString(16)}\r\n`)
    const hasRoom = browser.write(block)
    if (isChunked) browser.write('\r\n')
    if (!hasRoom) await new Promise((resolve) => browser.once('drain', resolve))
  }
}

test.each(cases)(
  'an upload $framing to a device that $name',
  async ({ name, header, isChunked }) => {
    const [say, status, body, took] = devices[name] as (typeof devices)[string]
    answering = say
    const before = (await answersInLog()).length
    const { host, port } = new URL(session.base)
    const head = `Host: ${host}\r\nCookie: ${session.cookie}\r\n`
    const browser = connect(Number(port), '127.0.0.1')
    let answers = ''
    browser.on('data', (chunk) => {
      answers += chunk
    })
    const answered = once(browser, 'data')
    browser.write(`POST /upload HTTP/1.1\r\n${head}${header}\r\n\r\n`)
    await send(browser, half, isChunked)
    await answered
    await send(browser, half, isChunked)
    if (isChunked) browser.write('0\r\n\r\n')
    // What is left of an upload must not be taken for the next request.
    browser.write(`GET /__travessia/none HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
    await once(browser, 'end')
    const [first, second] = answers.split(/(?=HTTP\/1\.1 )/)
    expect(first).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(first?.split('\r\n\r\n')[1]).toBe(body)
    expect(second).toMatch(/^HTTP\/1\.1 404 /)
    const fact = await eventually(async () => (await answersInLog())[before], {
      what: 'the end in the log',
    })
    const { status: recorded, requestBody } = fact.data as Answered
    expect(recorded).toBe(status)
    expect(requestBody.bytes).toBeGreaterThan(took - 1024)
    expect(requestBody.bytes).toBeLessThan(took + underWayBytes)
  },
)

test('after all of them neither node nor agent holds a stream', async () => {
  await nothingLeft(site)
})
