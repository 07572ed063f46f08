import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import type { DeviceSocket } from './device-client.ts'
import { nextMessage, startSocketGateway } from './socket-gateway.fixture.ts'
import { joinWebSocket, sendable } from './websocket.ts'

type DeviceMessage = Parameters<DeviceSocket['onMessage']>[0]

const gateway = await startSocketGateway()
const { node, device, session, atDevice, heard, closed, dial } = gateway
afterAll(gateway.stop)

test('messages keep their bounds, kind and order in both directions, the first one included', async () => {
  const socket = dial(session, '/ws')
  expect(String((await nextMessage(socket))[0])).toBe('welcome')
  const big = Buffer.alloc(300_000, 7)
  for (const [data, isBinary] of [
    ['olá', false],
    [Buffer.from([0, 255]), true],
    ['', false],
    [big, true],
  ] as const) {
    socket.send(data, { binary: isBinary })
    const [back, kind] = await nextMessage(socket)
    expect([back.equals(Buffer.from(data)), kind]).toEqual([true, isBinary])
  }
  socket.close(3001, 'tchau')
  await once(socket, 'close')
  await expect.poll(() => closed).toContain(3001)
})

test('the protocol is the one that the device chose, not the first that was offered', async () => {
  const chosen = dial(session, '/ws', { protocols: ['other', 'mqtt'] })
  await once(chosen, 'open')
  expect(chosen.protocol).toBe('mqtt')
  chosen.close()
  const plain = dial(session, '/ws')
  await once(plain, 'open')
  expect(plain.protocol).toBe('')
  plain.close()
})

test('a WebSocket is in the log before its 101, and its frames are counted at the end', async () => {
  const opened = await node.open(device)
  const socket = dial(opened, '/ws?token=canary')
  const back: string[] = []
  socket.on('message', (data) => back.push(String(data)))
  await once(socket, 'open')
  const [begun] = (await node.factsOf(opened.id)).slice(-1)
  expect(begun).toMatchObject({ type: 'WebSocketOpened', data: { path: '/ws?token=[redacted]' } })
  socket.send('abc')
  await expect.poll(() => back).toEqual(['welcome', 'abc'])
  socket.close(1000)
  const facts = await node.factsOf(opened.id, 'WebSocketClosed')
  expect(facts.at(-1)?.data).toMatchObject({ code: 1000, framesIn: 1, framesOut: 2, bytesIn: 3 })
})

test('a device that closes closes the browser’s socket with the same code and reason', async () => {
  const socket = dial(session, '/ws')
  await nextMessage(socket)
  atDevice.at(-1)?.close(4001, 'reboot')
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  expect([code, String(reason)]).toEqual([4001, 'reboot'])
})

test('a device that breaks off, or does not speak the protocol, ends the browser’s socket and nothing else', async () => {
  for (const breakOff of [
    (socket: WebSocket) => socket.terminate(),
    (socket: WebSocket) => Reflect.get(socket, '_socket').write(Buffer.from([0xff, 0xff, 0xff])),
  ]) {
    const socket = dial(session, '/ws')
    await nextMessage(socket)
    const one = atDevice.at(-1)
    if (one) breakOff(one)
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1011)
  }
})

test('a browser that breaks off ends the device’s socket', async () => {
  const socket = dial(session, '/ws')
  await nextMessage(socket)
  const one = atDevice.at(-1)
  socket.terminate()
  if (one && one.readyState !== WebSocket.CLOSED) await once(one, 'close')
  expect(one?.readyState).toBe(WebSocket.CLOSED)
})

test('a browser that leaves while the device is still thinking leaves nothing behind', async () => {
  const opened = await node.open(device)
  const socket = dial(opened, '/silent')
  socket.on('error', () => undefined)
  await node.factsOf(opened.id, 'WebSocketOpened')
  socket.terminate()
  const facts = await node.factsOf(opened.id, 'WebSocketClosed')
  expect(facts.at(-1)?.type).toBe('WebSocketClosed')
  expect(node.parts.sessions.find(opened.id)?.cuts.size).toBe(0)
})

test('at the end of the session sockets are cut at once, counted, and nothing passes any more', async () => {
  const opened = await node.open(device)
  const socket = dial(opened, '/ws')
  await nextMessage(socket)
  const end = once(socket, 'close') as Promise<[number]>
  const ending = node.parts.sessions.close(opened.id)
  socket.send('too late')
  const [code] = await end
  await ending
  expect(code).toBe(1001)
  const facts = await node.factsOf(opened.id, 'SessionClosed')
  expect(facts.slice(-2)).toMatchObject([
    { type: 'WebSocketClosed', data: { code: 1001, framesOut: 1 } },
    { type: 'SessionClosed', data: { totals: { requests: 1, bytesIn: 0, bytesOut: 7 } } },
  ])
  expect(heard).not.toContain('too late')
})

/** A browser before a device that does what a test says. */
async function joined(change: Partial<DeviceSocket>, options: ClientOptions = {}) {
  const closed = vi.fn()
  const [request, response] = [{ add: vi.fn() }, { add: vi.fn() }]
  const device: DeviceSocket = {
    ...{ protocol: '', onMessage: () => undefined, onClose: () => undefined },
    ...{ close: () => undefined, cut: () => undefined, send: async () => undefined, ...change },
  }
  const cut = Promise.withResolvers<() => void>()
  const server = createServer().on('upgrade', (asked, socket, head) =>
    cut.resolve(
      joinWebSocket({ request: asked, socket, head }, device, {
        ...{ request, response, closed },
      } as never),
    ),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const browser = new WebSocket(`ws://127.0.0.1:${port}`, options)
  onTestFinished(() => {
    browser.terminate()
    server.close()
  })
  await once(browser, 'open')
  return { browser, cut: await cut.promise, response, closed }
}

test('of a browser that sends faster than the device takes, one read waits at the node and no more', async () => {
  const total = 60_000
  const all = Promise.withResolvers<void>()
  let [waiting, most, taken] = [0, 0, 0]
  let before = Promise.resolve()
  const { browser } = await joined({
    send() {
      waiting += 1
      most = Math.max(most, waiting)
      before = before
        .then(() => setImmediate())
        .then(() => {
          waiting -= 1
          taken += 1
          if (taken === total) all.resolve()
        })
      return before
    },
  })
  for (let n = 0; n < total; n += 1) browser.send('x')
  await all.promise
  // A message of one byte takes seven on the wire, a read 64 KiB.
  expect(most).toBeLessThan(15_000)
})

test('what a device still sends after the cut is not taken', async () => {
  let say: DeviceMessage = async () => undefined
  const { browser, cut, response, closed } = await joined({
    onMessage: (listener) => {
      say = listener
    },
  })
  const heard = once(browser, 'message')
  await say(Buffer.from('in time'), false)
  expect(String((await heard)[0])).toBe('in time')
  cut()
  await say(Buffer.from('late'), false)
  expect(response.add).toHaveBeenCalledTimes(1)
  expect(closed.mock.calls).toEqual([[1001, { in: 0, out: 1 }]])
})

test('a browser that answers no ping is gone after the second, one that waits for its device is not', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { browser, closed } = await joined({}, { autoPong: false })
  vi.advanceTimersByTime(30_000)
  await once(browser, 'ping')
  expect(closed).not.toHaveBeenCalled()
  vi.advanceTimersByTime(30_000)
  await expect.poll(() => closed.mock.calls[0]?.[0]).toBe(1006)
  const taken = Promise.withResolvers<void>()
  const send = vi.fn(() => taken.promise)
  const patient = await joined({ send })
  patient.browser.send('x')
  await expect.poll(() => send.mock.calls.length).toBe(1)
  vi.advanceTimersByTime(90_000)
  taken.resolve()
  patient.browser.send('y')
  await expect.poll(() => send.mock.calls.length).toBe(2)
})

test.each([
  [1000, 1000],
  [1001, 1001],
  [1004, 1011],
  [1005, 1000],
  [1006, 1011],
  [1014, 1014],
  [1015, 1011],
  [0, 1011],
  [2999, 1011],
  [3000, 3000],
  [4999, 4999],
  [5000, 1011],
])('close code %i is passed on as %i [RFC 6455 7.4.1]', (code, sent) => {
  expect(sendable(code)).toBe(sent)
})
