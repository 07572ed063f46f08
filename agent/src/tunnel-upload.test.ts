/** Bodies of requests on their way to a device. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, test, vi } from 'vitest'
import { eventually } from './fixtures.ts'
import { answerOf, httpDevice } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })

test.each(['known', 'chunked'])(
  'a request body of %s length is streamed to the device whole',
  async (kind) => {
    const body = Buffer.alloc(1_500_000, '0123456789')
    const { open } = await httpDevice((request, response) => {
      void text(request).then((got) =>
        response.end(
          `${got === body.toString()} ${request.headers['content-length'] ?? 'chunked'}`,
        ),
      )
    })
    const bodyBytes = kind === 'known' ? body.length : 'chunked'
    const stream = open({ method: 'POST', bodyBytes })
    await stream.write(body)
    stream.frame(FrameType.end, undefined, true)
    expect((await (await answerOf(stream)).body()).toString()).toBe(
      `true ${kind === 'known' ? body.length : 'chunked'}`,
    )
  },
)

test('a device that does not read holds the sender back, and gets everything when it reads', async () => {
  let request: IncomingMessage | undefined
  const { open } = await httpDevice((incoming, response) => {
    request = incoming.pause()
    void once(incoming, 'resume').then(async () =>
      response.end(String((await text(incoming)).length)),
    )
  })
  const total = 40_000_000
  const stream = open({ method: 'POST', bodyBytes: total })
  let sent = 0
  const sending = (async () => {
    for (; sent < total; sent += 400_000) await stream.write(Buffer.alloc(400_000))
    stream.frame(FrameType.end, undefined, true)
  })()
  await eventually(() => expect(request).toBeDefined())
  await sleep(200)
  expect(sent).toBeLessThan(total)
  request?.emit('resume')
  await sending
  expect((await (await answerOf(stream)).body()).toString()).toBe(String(total))
})

test('a body that is shorter or longer than it was said to be never counts as a whole request', async () => {
  const ended = vi.fn()
  const { open } = await httpDevice((request, response) => {
    request.on('error', () => undefined)
    request.resume().once('end', () => {
      ended()
      response.end()
    })
  })
  for (const bytes of [3, 30]) {
    const stream = open({ method: 'POST', bodyBytes: 10 })
    await stream.write(Buffer.alloc(bytes))
    stream.frame(FrameType.end, undefined, true)
    await expect(answerOf(stream), String(bytes)).rejects.toEqual(reset(ResetCode.protocol))
  }
  expect(ended).not.toHaveBeenCalled()
})

test('a device may refuse an upload before it has read it', async () => {
  const { open } = await httpDevice((_request, response) => {
    response.writeHead(413, { 'content-length': 9, connection: 'close' }).end('too large')
  })
  const stream = open({ method: 'POST', bodyBytes: 1_000_000 })
  const sending = stream.write(Buffer.alloc(100_000))
  expect((await answerOf(stream)).status).toBe(413)
  await sending
  stream.reset(ResetCode.cancel)
})

test('an upload that breaks off breaks off at the device', async () => {
  const [began, aborted] = [vi.fn(), vi.fn()]
  const { open } = await httpDevice((request) => {
    const { url } = request
    request.on('error', () => aborted(url)).once('data', () => began(url))
  })
  const early = open({ method: 'POST', bodyBytes: 'chunked' })
  await early.write(Buffer.from('half'))
  early.reset(ResetCode.cancel)
  const stream = open({ method: 'POST', path: '/late', bodyBytes: 'chunked' })
  await stream.write(Buffer.from('half'))
  await eventually(() => expect(began).toHaveBeenCalledWith('/late'))
  stream.reset(ResetCode.cancel)
  await eventually(() => expect(aborted).toHaveBeenCalledWith('/late'))
})
