/** MQTT.md 5: a broker drops QoS 0 messages to a slow reader, and nothing may stay open for it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameType,
  initialWindowBytes,
  maxWindowBytes,
  ResetCode,
} from './tunnel-frame.ts'
import { decodeStandings, encodeStandings } from './tunnel-standing.ts'
import type { TunnelStream } from './tunnel-stream.ts'
import { TunnelStreams, tellEveryMs } from './tunnel-streams.ts'
import { TunnelWay } from './tunnel-way.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

type Side = 'node' | 'agent'
type Loss = (frame: Frame, from: Side) => boolean

/** A node's end and an agent's; `loses` says what the broker drops. */
function tunnel(loses: Loss) {
  const heard: Record<Side, Frame[]> = { node: [], agent: [] }
  const served: TunnelStream[] = []
  const endOf = (from: Side, to: (frame: Frame) => void) =>
    new TunnelStreams(
      new TunnelWay((bytes) => {
        const frame = decodeFrame(bytes)
        if (!loses(frame, from)) {
          heard[from === 'node' ? 'agent' : 'node'].push(frame)
          to(frame)
        }
        return true
      }),
    )
  const receive = (end: TunnelStreams, frame: Frame) => {
    if (frame.streamId === 0) end.hear(frame.payload)
    else end.get(frame.streamId)?.receive(frame)
  }
  const node: TunnelStreams = endOf('node', (frame) => {
    if (frame.type === FrameType.request) served.push(agent.open(frame.streamId))
    receive(agent, frame)
  })
  const agent: TunnelStreams = endOf('agent', (frame) => receive(node, frame))
  const open = () => {
    const stream = node.open(1)
    stream.frame(FrameType.request, undefined, false)
    return { asked: stream, answering: served[0] as TunnelStream }
  }
  return { node, agent, heard, open }
}

const is =
  (type: FrameType, from: Side): Loss =>
  (frame, side) =>
    frame.type === type && side === from && frame.streamId !== 0

/** How reading ended: the end of the direction, or the code of the reset. */
async function endOf(stream: TunnelStream): Promise<'whole' | number> {
  try {
    while (await stream.read());
    return 'whole'
  } catch (error) {
    return (error as { code: number }).code
  }
}

const half = new Uint8Array(100)

test.each<[string, Loss, (tunnel: ReturnType<typeof twoWays>) => Promise<void>]>([
  ['request', is(FrameType.request, 'node'), async () => undefined],
  [
    'whole answer',
    is(FrameType.response, 'agent'),
    async ({ answering }) => answering.frame(FrameType.response, undefined, true),
  ],
  [
    'last data frame of an answer that goes on',
    is(FrameType.data, 'agent'),
    async ({ answering }) => answering.write(half),
  ],
  [
    'end of an answer',
    is(FrameType.end, 'agent'),
    async ({ asked, answering }) => {
      asked.frame(FrameType.end, undefined, true)
      await answering.write(half)
      answering.frame(FrameType.end, undefined, true)
    },
  ],
  [
    'end of an upload',
    is(FrameType.end, 'node'),
    async ({ asked }) => asked.frame(FrameType.end, undefined, true),
  ],
  [
    'close of a browser',
    is(FrameType.wsClose, 'node'),
    async ({ asked }) => asked.frame(FrameType.wsClose, half, true),
  ],
  [
    'close of a device',
    is(FrameType.wsClose, 'agent'),
    async ({ answering }) => answering.frame(FrameType.wsClose, half, true),
  ],
  [
    'reset of the node',
    is(FrameType.reset, 'node'),
    async ({ asked }) => asked.reset(ResetCode.cancel),
  ],
])('a stream whose %s was lost ends at both ends within a telling', async (_what, loses, act) => {
  const ends = twoWays(loses)
  await act(ends)
  expect(ends.node.size + ends.agent.size).toBeGreaterThan(0)
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  expect([ends.node.size, ends.agent.size]).toEqual([0, 0])
  expect(vi.getTimerCount()).toBe(0)
})

/** An open stream. @param losesFirst the first of these is dropped; what is said about it comes through */
function twoWays(losesFirst: Loss, losesAll: Loss = () => false) {
  let isLost = false
  const ends = tunnel((frame, from) => {
    const isFirst = !isLost && losesFirst(frame, from)
    isLost ||= isFirst
    return isFirst || losesAll(frame, from)
  })
  return { ...ends, ...ends.open() }
}

test('a reset of the agent that was lost is told as a loss, to who reads and to who writes', async () => {
  const { node, asked, answering } = twoWays(is(FrameType.reset, 'agent'))
  const ended = endOf(asked)
  const written = expect(asked.write(new Uint8Array(initialWindowBytes + 1))).rejects.toThrow(
    'no such stream',
  )
  answering.reset(ResetCode.deviceClosed)
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  await written
  expect([await ended, node.size]).toEqual([ResetCode.lost, 0])
})

test('a cut answer is never whole: its lost end is a reset', async () => {
  const { asked, answering } = twoWays(is(FrameType.end, 'agent'))
  const ended = endOf(asked)
  await answering.write(half)
  answering.frame(FrameType.end, undefined, true)
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  expect(await ended).toBe(ResetCode.lost)
})

test('credit that was lost is made good, also that of a window that had grown', async () => {
  const { asked, answering } = twoWays(() => false, is(FrameType.credit, 'node'))
  const bytes = 3 * maxWindowBytes
  const writing = answering.write(new Uint8Array(bytes))
  let read = 0
  const reading = (async () => {
    while (read < bytes) read += (await asked.read())?.payload.length ?? 0
  })()
  await vi.advanceTimersByTimeAsync(50 * tellEveryMs)
  await Promise.all([writing, reading])
  expect(read).toBe(bytes)
})

test('a healthy stream is left as it is, whatever it has under way', async () => {
  const { asked, answering, heard } = twoWays(() => false)
  for (const stream of [asked, answering]) await stream.write(half)
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  expect(heard.agent.at(-1)).toMatchObject({ type: FrameType.credit, streamId: 0 })
  const writing = answering.write(new Uint8Array(initialWindowBytes))
  asked.frame(FrameType.end, undefined, true)
  await asked.read()
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  const ended = endOf(asked)
  await writing
  await vi.advanceTimersByTimeAsync(4 * tellEveryMs)
  answering.frame(FrameType.end, undefined, true)
  expect(await ended).toBe('whole')
  expect(vi.getTimerCount()).toBe(0)
})

test('the window of a direction that has ended is not looked at any more, however it had grown', async () => {
  const { asked, answering, node } = twoWays(() => false)
  const writing = asked.write(new Uint8Array(2 * maxWindowBytes))
  for (let bytes = 0; bytes < 2 * maxWindowBytes; )
    bytes += (await answering.read())?.payload.length ?? 0
  await writing
  expect(answering.standing.window).toBeGreaterThan(initialWindowBytes)
  asked.frame(FrameType.end, undefined, true)
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  expect(node.size).toBe(1)
})

test('what is said of unknown streams is answered once in a while: each once, and no flood', async () => {
  const { agent, heard } = tunnel(() => false)
  const lines = [7, 8, 9].map((streamId) => ({ streamId, sent: 1, granted: 0, window: 1 }))
  const { payload } = decodeFrame(encodeStandings(lines))
  for (let i = 0; i < 100; i += 1) agent.hear(payload)
  expect(heard.node.map(({ type, streamId }) => [type, streamId])).toEqual([
    [FrameType.reset, 7],
    [FrameType.reset, 8],
    [FrameType.reset, 9],
  ])
  await vi.advanceTimersByTimeAsync(tellEveryMs)
  agent.hear(payload)
  expect(heard.node).toHaveLength(6)
})

test('an account that cannot be true resets the stream: more than was sent, a smaller window', async () => {
  for (const [granted, window] of [
    [101, initialWindowBytes],
    [0, initialWindowBytes - 1],
    [0, maxWindowBytes + 1],
  ] as const) {
    const { node, asked } = twoWays(() => false)
    await asked.write(half)
    node.hear(decodeFrame(encodeStandings([{ streamId: 1, sent: 0, granted, window }])).payload)
    expect(await endOf(asked)).toBe(ResetCode.protocol)
  }
})

test('what is not a list of standings is refused as a frame', () => {
  const { node } = tunnel(() => false)
  const { payload } = decodeFrame(
    encodeFrame(FrameType.credit, { streamId: 0, payload: new Uint8Array(17) }),
  )
  expect(() => node.hear(payload)).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
})

test('standings are read as they were written, a full agent in one frame', () => {
  const lines = Array.from({ length: 512 }, (_, i) => ({
    ...{ streamId: 0xffffffff - i, sent: i, granted: 0xffffffff, window: maxWindowBytes },
  }))
  expect(decodeStandings(decodeFrame(encodeStandings(lines)).payload)).toEqual(lines)
})
