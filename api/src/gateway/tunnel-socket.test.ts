/** A WebSocket through the node’s end of the tunnel, and every way it ends. */
import { text } from 'node:stream/consumers'
import {
  decodeCodeAndText,
  encodeCodeAndText,
  Flag,
  FrameType,
  initialWindowBytes,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import { MessageAssembler, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import { expect, test } from 'vitest'
import type { DeviceClient, DeviceSocket } from './device-client.ts'
import { here, ready, timeouts } from './tunnel-agent.fixture.ts'

const socketHead = { path: '/ws', headers: [], timeouts, protocols: ['mqtt'] }

async function openedSocket(device: DeviceClient): Promise<DeviceSocket> {
  const opened = await device.openWebSocket({ ...socketHead, signal: here() })
  if ('status' in opened) throw new Error(`refused with ${opened.status}`)
  return opened
}

test('a WebSocket keeps protocol, kinds and bounds, and its close reaches the other end', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<unknown>()
  const { device } = await ready(async (stream, head) => {
    expect(head.webSocket).toEqual({ protocols: ['mqtt'] })
    const headers = ['Sec-WebSocket-Protocol', 'mqtt']
    stream.frame(FrameType.response, encodeHead({ status: 101, headers }), false)
    await stream.write(Buffer.from('olá'), Flag.text)
    for (let f = await stream.read(); f; f = await stream.read()) {
      if (f.type === FrameType.wsClose) return resolve(f.payload)
      await stream.write(f.payload, f.flags & (Flag.binary | Flag.text))
    }
  })
  const socket = await openedSocket(device)
  expect(socket.protocol).toBe('mqtt')
  const heard: Array<[string, boolean]> = []
  const { promise, resolve: done } = Promise.withResolvers<void>()
  socket.onMessage(async (data, isBinary) => {
    heard.push([Buffer.from(data).toString(), isBinary])
    if (heard.length === 3) done()
  })
  await socket.send(Buffer.from('bin'), true)
  await socket.send(Buffer.from(''), false)
  await promise
  expect(heard).toEqual([
    ['olá', false],
    ['bin', true],
    ['', false],
  ])
  socket.close(4000, 'tchau')
  expect(await closed).toEqual(encodeCodeAndText(4000, 'tchau'))
})

test('messages that are sent at once arrive one by one, in order and kind, and the close after them', async () => {
  const heard: unknown[] = []
  const closed = Promise.withResolvers<void>()
  const { device } = await ready(async (stream) => {
    stream.frame(FrameType.response, encodeHead({ status: 101, headers: [] }), false)
    const assembler = new MessageAssembler()
    for (let f = await stream.read(); f; f = await stream.read()) {
      if (f.type === FrameType.wsClose) heard.push(decodeCodeAndText(f.payload))
      const message = f.type === FrameType.data && assembler.add(f, 16_000_000)
      if (message) heard.push([message.length, Buffer.from(message).at(-1), f.flags & Flag.binary])
      await new Promise(setImmediate)
    }
    closed.resolve()
  })
  const socket = await openedSocket(device)
  const messages = [
    [Buffer.alloc(3 * initialWindowBytes, 1), true],
    [Buffer.alloc(5, 2), false],
    [Buffer.alloc(2 * initialWindowBytes, 3), false],
    [Buffer.alloc(0), true],
    [Buffer.alloc(70_000, 4), true],
  ] as const
  for (const [data, isBinary] of messages) socket.send(data, isBinary).catch(() => undefined)
  socket.close(4000, 'tchau')
  await closed.promise
  const kind = (isBinary: boolean) => (isBinary ? Flag.binary : 0)
  const sent = messages.map(([data, isBinary]) => [data.length, data.at(-1), kind(isBinary)])
  expect(heard).toEqual([...sent, { code: 4000, text: 'tchau' }])
})

test.each([
  ['cut', (socket: DeviceSocket) => socket.cut(1001, 'session ended')],
  [
    'closed by the device',
    (_socket: DeviceSocket, stream: TunnelStream) =>
      stream.frame(FrameType.wsClose, encodeCodeAndText(1000, ''), true),
  ],
])(
  'a WebSocket that is %s in the middle of a message sends nothing more of it',
  async (_how, end) => {
    const opened = Promise.withResolvers<TunnelStream>()
    const { device, client, sent } = await ready((stream) => {
      stream.frame(FrameType.response, encodeHead({ status: 101, headers: [] }), false)
      opened.resolve(stream)
    })
    const socket = await openedSocket(device)
    socket.onMessage(async () => undefined)
    const sending = socket.send(Buffer.alloc(3 * initialWindowBytes), true)
    await expect
      .poll(() => sent.filter((type) => type === FrameType.data).length)
      .toBeGreaterThan(3)
    end(socket, await opened.promise)
    await expect(sending).rejects.toMatchObject({ name: 'StreamReset' })
    expect(client.streamCount).toBe(0)
  },
)

test('a WebSocket that the device refuses is its answer, and the stream is given back with it', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { device } = await ready((stream) => {
    stream.onReset(resolve)
    const head = { status: 401, headers: ['WWW-Authenticate', 'Basic'] }
    stream.frame(FrameType.response, encodeHead(head, Buffer.from('who ')), false)
    void stream.write(Buffer.from('are you?'))
    stream.frame(FrameType.end, undefined, true)
  })
  const answer = await device.openWebSocket({ ...socketHead, signal: here() })
  if (!('status' in answer)) throw new Error('opened')
  expect([answer.status, answer.headers]).toEqual([401, ['WWW-Authenticate', 'Basic']])
  expect(await text(answer.body)).toBe('who are you?')
  await promise
})

test.each([
  [
    'its close',
    (stream: TunnelStream) => stream.frame(FrameType.wsClose, encodeCodeAndText(4001, 'r'), true),
    4001,
  ],
  ['its end', (stream: TunnelStream) => stream.frame(FrameType.end, undefined, true), 1001],
  ['a reset', (stream: TunnelStream) => stream.reset(ResetCode.deviceClosed), 1011],
])('a WebSocket ends at %s of the device', async (_what, end, code) => {
  const { device } = await ready((stream) => {
    stream.frame(FrameType.response, encodeHead({ status: 101, headers: [] }), false)
    setImmediate(() => end(stream))
  })
  const socket = await openedSocket(device)
  const { promise, resolve } = Promise.withResolvers<number>()
  socket.onClose(resolve)
  socket.onMessage(async () => undefined)
  expect(await promise).toBe(code)
})
