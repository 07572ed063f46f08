import { expect, test } from 'vitest'
import { decodeFrame, FrameType, maxDataBytes } from './tunnel-frame.ts'
import { TunnelStream } from './tunnel-stream.ts'
import { TunnelWay } from './tunnel-way.ts'

/** A socket that takes `atOnce` frames and then none until `drain`. */
function slowWay(atOnce: number) {
  const sent: Array<[streamId: number, bytes: number]> = []
  const waiting: Array<() => void> = []
  let taken = 0
  const way = new TunnelWay(
    (bytes) => {
      const { streamId, payload } = decodeFrame(bytes)
      sent.push([streamId, payload.length])
      taken += 1
      return true
    },
    () => (taken < atOnce ? undefined : new Promise((resolve) => waiting.push(resolve))),
  )
  const drain = async () => {
    taken = 0
    for (const go of waiting.splice(0)) go()
    await new Promise((done) => setTimeout(done, 0))
  }
  const stream = (id: number) => new TunnelStream(id, way, () => undefined)
  return { sent, drain, stream, way }
}

test('a socket that takes no more is shared in turns, one data frame each, whoever has more', async () => {
  const { sent, drain, stream } = slowWay(4)
  const large = new Uint8Array(4 * maxDataBytes)
  const writing = [1, 2, 3].map((id) => stream(id).write(large))
  for (let i = 0; i < 3; i += 1) await drain()
  await Promise.all(writing)
  expect(sent.every(([, bytes]) => bytes === maxDataBytes)).toBe(true)
  const order = sent.slice(4).map(([id]) => id)
  // Stream 1 filled the socket while it was alone; from then on nobody gets a second turn before the others' first.
  expect(order.slice(0, 6)).toEqual([2, 3, 2, 3, 2, 3])
})

test('who comes late waits for one frame of each of the others, not for all they have', async () => {
  const { sent, drain, stream } = slowWay(2)
  const large = new Uint8Array(4 * maxDataBytes)
  const writing = [1, 2].map((id) => stream(id).write(large))
  await drain()
  const before = sent.length
  const late = stream(3).write(new Uint8Array(10))
  for (let i = 0; i < 6; i += 1) await drain()
  await Promise.all([...writing, late])
  expect(sent.findIndex(([id]) => id === 3) - before).toBeLessThanOrEqual(2)
})

test('heads and ends wait for no turn', async () => {
  const { sent, stream } = slowWay(0)
  stream(1).frame(FrameType.response, new Uint8Array(2), true)
  expect(sent).toEqual([[1, 2]])
})

test('a stream that is reset gives up its turn, and the others go on', async () => {
  const { sent, drain, stream } = slowWay(1)
  await stream(3).write(new Uint8Array(30))
  const gone = stream(1)
  const writing = gone.write(new Uint8Array(10))
  const other = stream(2)
  const going = other.write(new Uint8Array(20))
  gone.fail(1, 'gone')
  const refused = expect(writing).rejects.toThrow('gone')
  await drain()
  await drain()
  await Promise.all([refused, going])
  expect(sent).toEqual([
    [3, 30],
    [2, 20],
  ])
})
