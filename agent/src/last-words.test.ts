/** Uploads that a device answers before it has read them, as real sockets end then. */
import { createServer, type Socket } from 'node:net'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { expect, test } from 'vitest'
import { deviceAt, listening } from './fixtures.ts'
import { answerOf, tunnelTo } from './tunnel.fixture.ts'

const uploadBytes = 50_000_000
const refusal = 'HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large'

const endings: Record<string, (socket: Socket) => void> = {
  'closes at once': (socket) => socket.pause().write(refusal, () => socket.destroy()),
  'resets the connection': (socket) =>
    socket.pause().write(refusal, () => socket.resetAndDestroy()),
  'reads on': (socket) => socket.resume().write(refusal),
  'reads no more and keeps the connection': (socket) => socket.pause().write(refusal),
}

async function deviceThat(say: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => say(socket))
  })
  return tunnelTo(deviceAt(`http://127.0.0.1:${await listening(server)}`))
}

/** As the node sends: until it is told to stop. */
async function upload(stream: TunnelStream): Promise<void> {
  const chunk = Buffer.alloc(100_000)
  for (let sent = 0; sent < uploadBytes; sent += chunk.length) await stream.write(chunk)
  stream.frame(FrameType.end, undefined, true)
}

const cases = Object.keys(endings).flatMap((ending) =>
  ([uploadBytes, 'chunked'] as const).map((bodyBytes) => ({ ending, bodyBytes })),
)

test.each(cases)(
  'the answer of a device that $ending arrives whole in the midst of an upload ($bodyBytes), each time',
  async ({ ending, bodyBytes }) => {
    const { open } = await deviceThat((socket) => endings[ending]?.(socket))
    for (let n = 0; n < 5; n += 1) {
      const stream = open({ method: 'POST', bodyBytes })
      const sending = upload(stream).catch(() => undefined)
      const answer = await answerOf(stream)
      expect([answer.status, String(await answer.body())]).toEqual([413, 'too large'])
      stream.reset(ResetCode.cancel)
      await sending
    }
  },
)

test('a device that closes in the midst of an upload without an answer is an error', async () => {
  const { open } = await deviceThat((socket) => socket.pause().resetAndDestroy())
  const stream = open({ method: 'POST', bodyBytes: uploadBytes })
  const sending = upload(stream).catch(() => undefined)
  await expect(answerOf(stream)).rejects.toMatchObject({ code: ResetCode.deviceClosed })
  await sending
})

test('an answer of which the end is missing is none, however it breaks off', async () => {
  const { open } = await deviceThat((socket) =>
    socket.pause().write(refusal.slice(0, -1), () => socket.destroy()),
  )
  const stream = open({ method: 'POST', bodyBytes: uploadBytes })
  const sending = upload(stream).catch(() => undefined)
  await expect(answerOf(stream)).rejects.toMatchObject({ code: ResetCode.deviceClosed })
  await sending
})
