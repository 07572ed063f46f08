import { createServer } from 'node:http'
import { newId } from '@travessia/schemas/ids'
import {
  decodeHello,
  encodeFrame,
  encodeHello,
  encodePong,
  FrameType,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import { decodeStandings, encodeStandings } from '@travessia/schemas/tunnel-standing'
import { tellEveryMs } from '@travessia/schemas/tunnel-streams'
import { expect, onTestFinished, test, vi } from 'vitest'
import { closedPort, deviceAt, eventually, listening } from './fixtures.ts'
import { answerOf, tunnelTo } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })

/** A device that answers when it is told to. */
async function waitingDevice() {
  const calls: string[] = []
  const answers: Array<() => void> = []
  const closed = vi.fn()
  const server = createServer((request, response) => {
    calls.push(String(request.url))
    response.once('close', closed)
    answers.push(() => response.end('done'))
  })
  return { calls, answers, closed, device: deviceAt(`http://127.0.0.1:${await listening(server)}`) }
}

function requestFrame(deviceId: string, streamId: number, path = '/') {
  const timeouts = { connectMs: 10_000, firstByteMs: 10_000, idleMs: 10_000 }
  const head = { deviceId, method: 'GET', path, headers: [], grant: 'a.b.c', timeouts }
  return encodeFrame(FrameType.request, { flags: 1, streamId, payload: encodeHead(head) })
}

test('HELLO is answered with its epoch', async () => {
  const { server, toNode } = tunnelTo()
  const epoch = newId()
  server.receive(encodeHello({ epoch, windowBytes: 1, maxFrameBytes: 1 }))
  await eventually(() => expect(toNode).toHaveLength(1))
  expect(decodeHello(toNode[0]?.payload ?? new Uint8Array()).epoch).toBe(epoch)
})

test('a HELLO that is repeated is answered again and ends nothing; one of another epoch ends all', async () => {
  const { device, answers, calls } = await waitingDevice()
  const { server, open, toNode } = tunnelTo(device)
  const epoch = newId()
  const greet = (name: string) =>
    server.receive(encodeHello({ epoch: name, windowBytes: 1, maxFrameBytes: 1 }))
  greet(epoch)
  const living = open({ path: '/living' })
  await eventually(() => expect(answers).toHaveLength(1))
  greet(epoch)
  answers[0]?.()
  expect((await (await answerOf(living)).body()).toString()).toBe('done')
  greet(epoch)
  server.receive(requestFrame(device.deviceId, living.id, '/living'))
  open({ path: '/other' })
  await eventually(() => expect(calls).toEqual(['/living', '/other']))
  greet(newId())
  expect(server.streamCount).toBe(0)
  await eventually(() =>
    expect(toNode.filter(({ type }) => type === FrameType.hello)).toHaveLength(4),
  )
})

test('a pong goes to the clock', () => {
  const { server, pongs } = tunnelTo()
  const pong = encodePong(new Uint8Array(8), 5)
  server.receive(pong)
  expect(pongs).toHaveLength(1)
})

test('a request that the broker delivers twice reaches the device once, during and after the exchange', async () => {
  const { calls, answers, device } = await waitingDevice()
  const { server, toNode } = tunnelTo(device)
  const frame = requestFrame(device.deviceId, 1)
  server.receive(frame)
  await eventually(() => expect(answers).toHaveLength(1))
  answers[0]?.()
  await eventually(() => expect(toNode.some(({ type }) => type === FrameType.response)).toBe(true))
  server.receive(frame)
  server.receive(requestFrame(device.deviceId, 2, '/second'))
  server.receive(requestFrame(device.deviceId, 2, '/second'))
  server.receive(requestFrame(device.deviceId, 3, '/third'))
  await eventually(() => expect(calls).toContain('/third'))
  expect(calls.filter((path) => path === '/')).toHaveLength(1)
  expect(calls.filter((path) => path === '/second').length).toBeLessThanOrEqual(1)
})

test('late frames of a stream that nobody knows are dropped without an answer', async () => {
  const { server, toNode } = tunnelTo()
  server.receive(encodeFrame(FrameType.data, { streamId: 9, seq: 4, payload: new Uint8Array(3) }))
  server.receive(encodeHello({ epoch: newId(), windowBytes: 1, maxFrameBytes: 1 }))
  await eventually(() => expect(toNode).toHaveLength(1))
  expect(server.streamCount).toBe(0)
})

test('a stream that the node says is open and is not here is reset: its request or its answer was lost', async () => {
  const { server, toNode } = tunnelTo()
  server.receive(encodeStandings([{ streamId: 9, sent: 1, granted: 0, window: 1 }]))
  await eventually(() => expect(toNode).toMatchObject([{ type: FrameType.reset, streamId: 9 }]))
})

test('the agent says how its streams stand, and a frame that it never got ends its request at the device', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { device, closed, calls } = await waitingDevice()
  const { server, open, toNode } = tunnelTo(device)
  const { id } = open()
  await eventually(() => expect(calls).toHaveLength(1))
  vi.advanceTimersByTime(tellEveryMs)
  await eventually(() => expect(toNode).toHaveLength(1))
  expect(decodeStandings(toNode[0]?.payload ?? new Uint8Array(1))).toMatchObject([
    { streamId: id, sent: 0, granted: 0 },
  ])
  const { window } = decodeStandings(toNode[0]?.payload ?? new Uint8Array())[0] ?? { window: 0 }
  server.receive(encodeStandings([{ streamId: id, sent: 2, granted: 0, window }]))
  expect(server.streamCount).toBe(0)
  await eventually(() => expect(closed).toHaveBeenCalledTimes(1))
  expect(toNode.at(-1)).toMatchObject({ type: FrameType.reset, streamId: id })
})

test('what is not a frame, or not a request head, does not stop the tunnel', async () => {
  const { server, get, toNode } = tunnelTo()
  for (const bytes of [new Uint8Array(), new Uint8Array(3), new Uint8Array(70_000)])
    server.receive(bytes)
  for (const head of [
    { method: 'get' },
    { path: 'no-slash' },
    { path: '/a b' },
    { path: '/a\r\nb' },
  ])
    await expect(get({ deviceId: newId(), ...head })).rejects.toEqual(reset(ResetCode.protocol))
  expect(server.streamCount).toBe(0)
  expect(toNode).toHaveLength(4)
})

test('a device that is not registered is refused by name', async () => {
  const { get } = tunnelTo()
  await expect(get({ deviceId: newId() })).rejects.toEqual(reset(ResetCode.deviceUnknown))
})

test('a device that refuses is unreachable, one at a forbidden address is forbidden', async () => {
  const { get, link } = tunnelTo(deviceAt(`http://127.0.0.1:${await closedPort()}`))
  await expect(get()).rejects.toEqual(reset(ResetCode.deviceUnreachable))
  await expect(get({ port: 22 })).rejects.toEqual(reset(ResetCode.targetForbidden))
  link.allowLoopback = false
  await expect(get()).rejects.toEqual(reset(ResetCode.targetForbidden))
})

test('a pause on site refuses every request before the device hears of it, and cuts what is open', async () => {
  const { device, closed, calls } = await waitingDevice()
  const { get, open, server, link } = tunnelTo(device)
  const running = open()
  await eventually(() => expect(calls).toHaveLength(1))
  link.isPaused = true
  server.cut(ResetCode.paused)
  await expect(answerOf(running)).rejects.toEqual(reset(ResetCode.paused))
  await eventually(() => expect(closed).toHaveBeenCalledTimes(1))
  await expect(get()).rejects.toEqual(reset(ResetCode.paused))
  expect(calls).toHaveLength(1)
})

test('what the rules of the site forbid is refused before the device hears of it, WebSockets too', async () => {
  const { device, calls } = await waitingDevice()
  const { get, link } = tunnelTo({ ...device, ports: [1] })
  const asked: unknown[] = []
  link.forbids = (_device, request) => {
    asked.push(request)
    return request.method === 'POST' ? 'POLICY_FORBIDS' : 'POLICY_HOURS'
  }
  const headers = ['X-HTTP-Method-Override', 'delete']
  await expect(get({ method: 'POST', bodyBytes: 3, headers })).rejects.toEqual(
    reset(ResetCode.policyForbids),
  )
  const webSocket = get({ webSocket: { protocols: [] }, port: 1 })
  await expect(webSocket).rejects.toEqual(reset(ResetCode.policyHours))
  expect(asked).toEqual([
    { method: 'POST', overriding: ['DELETE'], port: undefined },
    { method: 'WEBSOCKET', overriding: [], port: 1 },
  ])
  expect(calls).toHaveLength(0)
})

test('the 513th stream at a time is refused, and the others go on', async () => {
  const { device, answers } = await waitingDevice()
  const { open, server } = tunnelTo({ ...device, maxConcurrent: 1 })
  const streams = Array.from({ length: 512 }, () => open())
  await expect(answerOf(open())).rejects.toEqual(reset(ResetCode.tooManyStreams))
  expect(server.streamCount).toBe(512)
  await eventually(() => expect(answers).toHaveLength(1))
  answers[0]?.()
  const [first] = streams
  if (first) expect((await answerOf(first)).status).toBe(200)
})

test("a new epoch ends every stream of the old one, and with it the device's request", async () => {
  const { device, closed, calls } = await waitingDevice()
  const { server, open } = tunnelTo(device)
  open()
  await eventually(() => expect(calls).toHaveLength(1))
  server.receive(encodeHello({ epoch: newId(), windowBytes: 1, maxFrameBytes: 1 }))
  expect(server.streamCount).toBe(0)
  await eventually(() => expect(closed).toHaveBeenCalled())
  server.receive(requestFrame(device.deviceId, 1, '/again'))
  await eventually(() => expect(calls).toContain('/again'))
})

test("a link that is gone ends the device's request", async () => {
  const { device, closed, calls } = await waitingDevice()
  const { server, open, link } = tunnelTo(device)
  open()
  await eventually(() => expect(calls).toHaveLength(1))
  link.isUp = false
  await server.stop()
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('a stopping agent says so to every stream', async () => {
  const { device, calls } = await waitingDevice()
  const { server, open } = tunnelTo(device)
  const answer = answerOf(open())
  const ended = expect(answer).rejects.toEqual(reset(ResetCode.agentStopping))
  await eventually(() => expect(calls).toHaveLength(1))
  await server.stop()
  await ended
})

test('a device that was taken off the list loses what is under way to it', async () => {
  const { device, calls } = await waitingDevice()
  const { server, open } = tunnelTo(device)
  const answer = answerOf(open())
  const ended = expect(answer).rejects.toEqual(reset(ResetCode.deviceClosed))
  await eventually(() => expect(calls).toHaveLength(1))
  server.devicesChanged([])
  await ended
})
