/** Slow devices, endless answers, viewers who wait or leave: who waits for whom, and for how long. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameType, initialWindowBytes, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, test, vi } from 'vitest'
import { eventually } from './fixtures.ts'
import { rawDevice } from './raw-device.fixture.ts'
import { answerOf, httpDevice } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })

test('the first event of an endless stream arrives while the device says no more, and silence does not end it', async () => {
  let response: ServerResponse | undefined
  const { get, timeouts } = await httpDevice((_request, stream) => {
    response = stream.writeHead(200, { 'content-type': 'text/event-stream' })
    stream.write('data: 1\n\n')
  })
  const answer = await get(timeouts({ idleMs: 1 }))
  expect(Buffer.from((await answer.next()) ?? []).toString()).toBe('data: 1\n\n')
  await new Promise((resolve) => setTimeout(resolve, 30))
  response?.write('data: 2\n\n')
  expect(Buffer.from((await answer.next()) ?? []).toString()).toBe('data: 2\n\n')
  response?.end()
  expect(await answer.next()).toBeUndefined()
})

test('a device that is silent in the middle of a body is left after the idle time', async () => {
  const closed = vi.fn()
  const { get, timeouts } = await httpDevice((_request, response) => {
    response.once('close', closed)
    response.write('begin')
  })
  const answer = await get(timeouts({ idleMs: 50 }))
  await expect(answer.body()).rejects.toEqual(reset(ResetCode.idleTimeout))
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('a device that drips a small body is left after the idle time, too', async () => {
  const { get, timeouts } = await httpDevice((_request, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('x')
  })
  await expect(get(timeouts({ idleMs: 50 }))).rejects.toEqual(reset(ResetCode.idleTimeout))
})

test('a device waits while nobody reads its answer', async () => {
  const bytes = 64 * 1024 * 1024
  let device: Socket | undefined
  const { get } = await rawDevice((socket) => {
    device = socket
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
    socket.write(Buffer.alloc(bytes))
  })
  const { next } = await get()
  await next()
  await sleep(1_000)
  expect(device?.writableLength).toBeGreaterThan(bytes / 2)
})

test('a slow reader is not taken for a silent device', async () => {
  const { get, timeouts } = await httpDevice((_request, response) =>
    response.end(Buffer.alloc(1_000_000)),
  )
  const answer = await get(timeouts({ idleMs: 1_000 }))
  await answer.next()
  await sleep(2_500)
  expect((await answer.body()).length).toBeGreaterThan(900_000)
})

test('a device that never answers is left after the time for the first byte', async () => {
  const closed = vi.fn()
  const { get, timeouts } = await httpDevice(
    (_request, response) => void response.once('close', closed),
  )
  await expect(get(timeouts({ firstByteMs: 100 }))).rejects.toEqual(
    reset(ResetCode.firstByteTimeout),
  )
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('a total limit ends an exchange that is busy all the time; without one it goes on', async () => {
  const closed = vi.fn()
  const { get, timeouts } = await httpDevice((_request, response) => {
    response.once('close', closed).writeHead(200, { 'content-type': 'text/event-stream' })
    const busy = setInterval(() => response.write('data: 1\n\n'), 10)
    response.once('close', () => clearInterval(busy))
  })
  const limited = await get(timeouts({ totalMs: 1_000 }))
  await expect(limited.body()).rejects.toEqual(reset(ResetCode.totalTimeout))
  await eventually(() => expect(closed).toHaveBeenCalledOnce())
  const free = await get(timeouts({ totalMs: 0 }))
  const end = Date.now() + 300
  while (Date.now() < end) expect(await free.next()).toBeDefined()
})

test("a viewer who goes away ends the device's work at once", async () => {
  const closed = vi.fn()
  const { open } = await httpDevice((_request, response) => {
    response.once('close', () => closed(performance.now()))
    response.write('begin')
  })
  const stream = open()
  await (await answerOf(stream)).next()
  const at = performance.now()
  stream.reset(ResetCode.cancel)
  await eventually(() => expect(closed).toHaveBeenCalled())
  expect(closed.mock.calls[0]?.[0] - at).toBeLessThan(1_000)
})

test('a viewer who stops reading stops the device: no more than two windows are under way', async () => {
  let written = 0
  const { get } = await httpDevice((_request, response) => {
    const more = () => {
      while (written < 50_000_000 && response.write(Buffer.alloc(65_536))) written += 65_536
    }
    response.on('drain', more)
    more()
  })
  const answer = await get()
  await answer.next()
  const settled = async () => {
    const before = written
    await new Promise((resolve) => setTimeout(resolve, 100))
    return written === before
  }
  await eventually(async () => expect(await settled()).toBe(true))
  // Besides the windows: what the two sockets on loopback hold.
  expect(written).toBeLessThan(2 * initialWindowBytes + 12_000_000)
})

test('a full socket is waited for before more is sent', async () => {
  const { get, link, toNode } = await httpDevice((_request, response) =>
    response.end(Buffer.alloc(100_000)),
  )
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let isFull = true
  link.drained = () => (isFull ? held : undefined)
  const answer = await get()
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(toNode.filter(({ type }) => type === FrameType.data)).toEqual([])
  isFull = false
  release()
  expect(await answer.body()).toHaveLength(100_000)
})
