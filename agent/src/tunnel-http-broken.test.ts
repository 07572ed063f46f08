/** A device that breaks off, or does not speak HTTP, is never taken for one that has ended. */
import type { Socket } from 'node:net'
import { FrameType, initialWindowBytes, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, test } from 'vitest'
import { eventually } from './fixtures.ts'
import { rawDevice } from './raw-device.fixture.ts'
import { answerOf } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })

test('a device that closes before its Content-Length is complete breaks the answer, small or large', async () => {
  for (const length of [100, 1_000_000]) {
    const { get } = await rawDevice((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\nshort`),
    )
    const whole = get().then((answer) => answer.body())
    await expect(whole, String(length)).rejects.toEqual(reset(ResetCode.deviceClosed))
  }
})

const begun = 'x'.repeat(40_000)

test.each([
  ['HTTP/1.0 without a length', `HTTP/1.0 200 OK\r\n\r\n${begun}`],
  ['Connection: close without a length', `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${begun}`],
  ['HTTP/1.0, small', 'HTTP/1.0 200 OK\r\n\r\nbegun'],
])(
  'an answer by %s is whole at the end of the connection, and broken when it is reset',
  async (_how, said) => {
    const ended = await rawDevice((socket) => socket.end(said))
    expect((await (await ended.get()).body()).toString()).toBe(said.split('\r\n\r\n')[1])
    const { get } = await rawDevice((socket) => socket.write(said, () => socket.resetAndDestroy()))
    const whole = get().then((answer) => answer.body())
    await expect(whole).rejects.toEqual(reset(ResetCode.deviceClosed))
  },
)

test('what a device said before it broke off is sent before the answer breaks, also to a slow reader', async () => {
  const [first, rest] = ['f'.repeat(initialWindowBytes + 10_000), 'r'.repeat(20_000)]
  let device: Socket | undefined
  const { open, toNode } = await rawDevice((socket) => {
    device = socket
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${first}`)
  })
  const sent = () =>
    Buffer.concat(
      toNode.filter(({ type }) => type === FrameType.data).map(({ payload }) => payload),
    ).toString()
  const answer = await answerOf(open())
  await eventually(() => expect(sent()).toHaveLength(initialWindowBytes))
  const closed = new Promise((resolve) => device?.once('close', resolve))
  device?.end(rest)
  await closed
  await expect(answer.body()).rejects.toEqual(reset(ResetCode.deviceClosed))
  expect(sent() === first + rest).toBe(true)
})

test.each(['FIN', 'RST'])(
  'a chunked answer that is cut by a %s is broken, with Connection: close too',
  async (how) => {
    for (const connection of ['close', 'keep-alive']) {
      const head = `HTTP/1.1 200 OK\r\nConnection: ${connection}\r\nTransfer-Encoding: chunked\r\n\r\n`
      const { get } = await rawDevice((socket) =>
        socket.write(`${head}9c40\r\n${begun}\r\n`, () =>
          how === 'FIN' ? socket.end() : socket.resetAndDestroy(),
        ),
      )
      const whole = get().then((answer) => answer.body())
      await expect(whole, connection).rejects.toMatchObject({ name: 'StreamReset' })
    }
  },
)

test('what a device sends beyond its Content-Length is cut off', async () => {
  const { get } = await rawDevice((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nsmuggled'),
  )
  const answer = await get().then(
    (good) => good.body(),
    () => 'refused',
  )
  expect(answer.toString()).toMatch(/^(ok|refused)$/)
})

test.each([
  ['nothing', '', ResetCode.deviceClosed],
  ['half a head', 'HTTP/1.1 200 OK\r\nConte', ResetCode.deviceClosed],
  ['what is not HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', ResetCode.deviceProtocol],
  [
    'a head without end',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n`,
    ResetCode.deviceProtocol,
  ],
  [
    'two lengths',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    ResetCode.deviceProtocol,
  ],
])('a device that answers %s is said to have done so', async (_name, answer, code) => {
  const { get } = await rawDevice((socket) => socket.end(answer))
  await expect(get()).rejects.toEqual(reset(code))
})
