import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import {
  agentWindowBytes,
  decodeCredit,
  decodeFrame,
  encodeCredit,
  encodeFrame,
  Flag,
  type Frame,
  FrameType,
  initialWindowBytes,
  maxWindowBytes,
  ResetCode,
} from './tunnel-frame.ts'
import { MessageAssembler, StreamReset, TunnelStream } from './tunnel-stream.ts'
import { TunnelWay } from './tunnel-way.ts'

/** Two ends of one stream; `pass` says what becomes of each data-carrying frame on its way. */
function pair(
  pass: (frame: Uint8Array) => Uint8Array[] = (frame) => [frame],
  heard: (frame: Frame) => void = () => undefined,
) {
  const closed = { near: 0, far: 0 }
  const underWay: Uint8Array[] = []
  let isHeld = false
  const deliver = (frame: Uint8Array) => far.receive(decodeFrame(frame))
  const near: TunnelStream = new TunnelStream(
    1,
    new TunnelWay((frame) => {
      for (const one of pass(frame)) {
        if (isHeld) underWay.push(one)
        else deliver(one)
      }
      return true
    }),
    () => {
      closed.near += 1
    },
  )
  const way = new TunnelWay((frame) => {
    heard(decodeFrame(frame))
    near.receive(decodeFrame(frame))
    return true
  })
  const far: TunnelStream = new TunnelStream(1, way, () => {
    closed.far += 1
  })
  return {
    ...{ near, far, way, closed, underWay },
    hold: () => {
      isHeld = true
    },
  }
}

async function readAll(stream: TunnelStream): Promise<number[]> {
  const bytes: number[] = []
  for (let frame = await stream.read(); frame; frame = await stream.read())
    bytes.push(...frame.payload)
  return bytes
}

async function writeAll(stream: TunnelStream, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) await stream.write(chunk)
  stream.frame(FrameType.end, undefined, true)
}

const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 })

test('a body arrives whole and in order however it was cut', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, async (body) => {
      const { near, far } = pair()
      const [read] = await Promise.all([readAll(far), writeAll(near, body)])
      expect(read).toEqual(body.flatMap((chunk) => [...chunk]))
    }),
  )
})

test('of a broken way only a marked prefix arrives: lost, doubled and swapped frames never go unnoticed', async () => {
  const fate = fc.constantFrom('pass', 'lose', 'double', 'swap')
  await fc.assert(
    fc.asyncProperty(
      chunks,
      fc.array(fate, { minLength: 40, maxLength: 40 }),
      async (body, fates) => {
        let kept: Uint8Array | undefined
        let count = 0
        const { near, far } = pair((frame) => {
          const what = fates[count]
          count += 1
          const before = kept ? [kept] : []
          kept = undefined
          if (what === 'lose') return before
          if (what === 'double') return [...before, frame, frame]
          if (what === 'swap') kept = frame
          return what === 'swap' ? before : [frame, ...before]
        })
        const read: number[] = []
        const reading = (async () => {
          for (let frame = await far.read(); frame; frame = await far.read())
            read.push(...frame.payload)
          return 'whole'
        })().catch(() => 'marked')
        await writeAll(near, body).catch(() => undefined)
        // What never came is noticed by whoever waits; here the link says that it is gone.
        far.fail(ResetCode.lost)
        const sent = body.flatMap((chunk) => [...chunk])
        const how = await reading
        expect(sent.slice(0, read.length)).toEqual(read)
        if (how === 'whole') expect(read).toEqual(sent)
      },
    ),
  )
})

test('no more than the window is under way while nobody reads, and reading lets the rest through', async () => {
  const { near, far } = pair()
  const body = new Uint8Array(initialWindowBytes * 3).fill(7)
  let isWritten = false
  const writing = near.write(body).then(() => {
    isWritten = true
  })
  await new Promise((done) => setTimeout(done, 0))
  expect(isWritten).toBe(false)
  let bytes = 0
  while (bytes < body.length) bytes += (await far.read())?.payload.length ?? 0
  await writing
  expect(bytes).toBe(body.length)
})

test('a sender that ignores the window is cut off', async () => {
  const { far } = pair()
  for (let seq = 0; seq < 6; seq += 1) {
    const payload = new Uint8Array(60 * 1024)
    far.receive(decodeFrame(encodeFrame(FrameType.data, { streamId: 1, seq, payload })))
  }
  await expect(far.read()).rejects.toMatchObject({ code: ResetCode.lost })
})

test('credit for bytes that were never sent is refused', async () => {
  const { near } = pair()
  near.receive(decodeFrame(encodeCredit(1, { consumed: 1, window: initialWindowBytes })))
  await expect(near.write(new Uint8Array(1))).rejects.toMatchObject({ code: ResetCode.protocol })
})

test('a writer without credit is woken by a reset', async () => {
  const { near, far } = pair()
  const writing = near.write(new Uint8Array(initialWindowBytes + 1))
  far.reset(ResetCode.cancel, 'browser gone')
  await expect(writing).rejects.toThrow('browser gone')
})

test('a reset ends both ends once, tells its code, and whoever listens is called at once', async () => {
  const { near, far, closed } = pair()
  const listener = vi.fn()
  far.onReset(listener)
  near.reset(ResetCode.deviceUnreachable, 'no route')
  near.reset(ResetCode.cancel)
  far.fail(ResetCode.lost)
  expect(closed).toEqual({ near: 1, far: 1 })
  expect(listener).toHaveBeenCalledTimes(1)
  await expect(far.read()).rejects.toEqual(new StreamReset(ResetCode.deviceUnreachable, 'no route'))
  const late = vi.fn()
  far.onReset(late)
  expect(late).toHaveBeenCalledTimes(1)
})

test('a stream is closed once both directions have ended, not before', async () => {
  const { near, far, closed } = pair()
  near.frame(FrameType.request, new Uint8Array(2), true)
  expect([near.isClosed, far.isClosed]).toEqual([false, false])
  far.frame(FrameType.response, new Uint8Array(2), true)
  expect([near.isClosed, far.isClosed]).toEqual([true, true])
  expect(closed).toEqual({ near: 1, far: 1 })
  expect((await near.read())?.type).toBe(FrameType.response)
  expect(await near.read()).toBeUndefined()
})

test('a frame after the end resets the stream: nobody may add to a whole body', async () => {
  const { far } = pair()
  far.receive(decodeFrame(encodeFrame(FrameType.end, { streamId: 1, seq: 0, flags: Flag.fin })))
  far.receive(
    decodeFrame(encodeFrame(FrameType.data, { streamId: 1, seq: 1, payload: new Uint8Array(3) })),
  )
  await expect(far.read()).rejects.toBeInstanceOf(StreamReset)
})

test('a stream whose link is gone fails at the next frame', async () => {
  const stream = new TunnelStream(1, new TunnelWay(() => false), vi.fn())
  await expect(stream.write(new Uint8Array(1)).then(() => stream.read())).rejects.toMatchObject({
    code: ResetCode.lost,
  })
})

test('large payloads are handed on without a copy; a small one does not pin the read that brought it', async () => {
  const { far } = pair()
  const read = new Uint8Array(60_000)
  const frames = [new Uint8Array(20_000), Uint8Array.of(1, 2, 3)].map((payload, seq) => {
    const frame = encodeFrame(FrameType.data, { streamId: 1, seq, payload })
    read.set(frame, seq * 30_000)
    return read.subarray(seq * 30_000, seq * 30_000 + frame.length)
  })
  for (const frame of frames) far.receive(decodeFrame(frame))
  expect((await far.read())?.payload.buffer).toBe(read.buffer)
  const small = (await far.read())?.payload
  expect([small?.length, small?.buffer.byteLength]).toEqual([3, 3])
})

test('a second head is refused: heads need no credit, so they come once', async () => {
  const { far } = pair()
  for (const seq of [0, 1]) {
    const payload = new Uint8Array(60_000)
    far.receive(decodeFrame(encodeFrame(FrameType.response, { streamId: 1, seq, payload })))
  }
  await expect(far.read()).rejects.toMatchObject({ code: ResetCode.lost })
})

test('a reader that keeps up gets a larger window, and its end gives the growth back', async () => {
  const credits: number[] = []
  const { near, far, way } = pair(undefined, (frame) => {
    if (frame.type === FrameType.credit) credits.push(decodeCredit(frame.payload).window)
  })
  const writing = writeAll(near, [new Uint8Array(16 * maxWindowBytes)])
  while (await far.read());
  await writing
  expect(Math.max(...credits)).toBe(maxWindowBytes)
  expect(way.spare.left).toBe(agentWindowBytes)
})

test.each(['reset', 'fail'] as const)('a %s gives the growth back', async (end) => {
  const { near, far, way } = pair()
  const writing = near.write(new Uint8Array(2 * maxWindowBytes))
  let bytes = 0
  while (bytes < 2 * maxWindowBytes) bytes += (await far.read())?.payload.length ?? 0
  await writing
  expect(way.spare.left).toBeLessThan(agentWindowBytes)
  far[end](ResetCode.cancel)
  expect(way.spare.left).toBe(agentWindowBytes)
})

test('the pieces of a WebSocket message are joined, and a message over the limit is refused', () => {
  const assembler = new MessageAssembler()
  const piece = (text: string, flags: number) => ({
    ...{ type: FrameType.data, flags, payload: new TextEncoder().encode(text) },
  })
  expect(assembler.add(piece('ab', Flag.text | Flag.more), 10)).toBeUndefined()
  expect(new TextDecoder().decode(assembler.add(piece('cd', Flag.text), 10))).toBe('abcd')
  expect(new TextDecoder().decode(assembler.add(piece('e', Flag.text), 10))).toBe('e')
  assembler.add(piece('123456', Flag.more), 10)
  expect(() => assembler.add(piece('78901', 0), 10)).toThrow(/larger/)
})
