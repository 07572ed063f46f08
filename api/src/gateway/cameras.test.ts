import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import { expect, test } from 'vitest'
import {
  type Answer,
  camera,
  coded,
  countOf,
  endOf,
  gif,
  look,
  lookAt,
  ok,
  refusal,
  until,
  watching,
} from './camera.fixture.ts'
import { paceMs } from './camera-viewing.ts'

test('two who look are served by one reading, and the last who leaves ends it', async () => {
  const at = await camera()
  const [one, other] = [await lookAt(at), await lookAt(at)]
  at.send(gif(2))
  await until(() =>
    expect([one, other].map(({ parts }) => parts.map(countOf).at(-1))).toEqual([2, 2]),
  )
  expect(at.asked).toHaveLength(1)
  one.leave()
  await endOf(at)
  at.send(gif(3))
  await until(() => expect(other.parts.map(countOf).at(-1)).toBe(3))
  other.leave()
  await until(() => expect(at.streams[0]?.destroyed).toBe(true))
  await until(async () => expect(await at.facts()).toHaveLength(4))
  const third = await lookAt(at)
  expect(at.asked).toHaveLength(2)
  third.leave()
})

test('a viewing is a pair of facts with what was sent', async () => {
  const at = await camera()
  const viewer = await lookAt(at)
  expect(viewer.response.headers).toMatchObject({ 'cache-control': 'no-store' })
  viewer.leave()
  const { data, streamId } = await endOf(at)
  expect(data).toMatchObject({ reason: 'viewer', frames: 1, durationMs: expect.any(Number) })
  const facts = await at.facts()
  expect(facts.map(({ type, streamId: of }) => [type, of === streamId])).toEqual([
    ['CameraViewOpened', true],
    ['CameraViewClosed', true],
  ])
})

test('who reads slowly misses whole pictures and holds up nobody', async () => {
  const at = await camera()
  const slow = await lookAt(at)
  slow.response.pause()
  const quick = await lookAt(at)
  const large = 600_000
  for (let count = 2; count <= 25; count += 1) {
    at.send(gif(count, large))
    await until(() => expect(quick.parts.map(countOf).at(-1)).toBe(count))
  }
  slow.response.resume()
  await until(() => expect(slow.parts.map(countOf).at(-1)).toBe(25))
  const counts = slow.parts.map(countOf)
  expect(counts).toEqual(counts.toSorted((a, b) => a - b))
  expect(counts.length).toBeLessThan(20)
  // The quick one's first picture was the slow one's, too, where there was time for it.
  const later = slow.parts.filter((part) => countOf(part) > 1)
  for (const { body } of later) expect(body.length).toBe(large + 15)
})

test('nothing is read before the viewing is recorded, and nothing at all when it cannot be', async () => {
  const asked = Promise.withResolvers<void>()
  const { promise, resolve: go } = Promise.withResolvers<void>()
  const at = await camera({
    append: async (append, store) => {
      asked.resolve()
      await promise
      return store.append(append)
    },
  })
  const looking = look(await at.url())
  await asked.promise
  for (let i = 0; i < 10; i += 1) await new Promise(setImmediate)
  expect(at.asked).toEqual([])
  go()
  ;(await looking).leave()
  expect(at.asked).toHaveLength(1)
  const append = () => Promise.reject(new TravessiaError('STORE_UNAVAILABLE'))
  const without = await camera({ append })
  expect((await look(await without.url())).status).toBe(503)
  await expect(without.cameras.snapshot(without.onlooker())).rejects.toEqual(
    coded('STORE_UNAVAILABLE'),
  )
  expect(without.asked).toEqual([])
})

test.each([
  ['of one camera', { viewersPerDevice: 2 }],
  ['of all cameras of a customer', { viewersPerTenant: 2 }],
])('viewers %s are limited, and a place is free again when one leaves', async (_name, limits) => {
  const at = await camera({ limits })
  const [one] = [await lookAt(at), await lookAt(at)]
  const third = await look(await at.url())
  await until(() => expect([third.status, third.text()]).toEqual([503, 'CAMERA_BUSY']))
  one.leave()
  await endOf(at)
  await until(async () => expect((await lookAt(at)).status).toBe(200))
})

test('after its time a viewing ends, and says why', async () => {
  const at = await camera({ limits: { viewMs: 1_000 } })
  const viewer = await lookAt(at)
  await until(() => expect(viewer.response.complete).toBe(true))
  expect(viewer.parts.at(-1)?.headers).toMatchObject({ 'x-travessia-end': 'time-limit' })
  expect((await endOf(at)).data).toMatchObject({ reason: 'time-limit' })
  expect(at.streams[0]?.destroyed).toBe(true)
})

test('who may not look any more, or cannot be asked, is shown nothing more', async () => {
  for (const isWelcome of [async () => false, () => Promise.reject(new Error('down'))]) {
    const at = await camera({ limits: { welcomeMs: 100 } })
    const url = await watching(at.cameras, at.onlooker(), { isWelcome })
    const viewer = await look(url)
    await until(() => expect(viewer.response.complete).toBe(true))
    expect((await endOf(at)).data).toMatchObject({ reason: 'access-changed' })
  }
})

test('a camera that falls silent ends the viewing as timed out', async () => {
  const at = await camera({ limits: { silenceMs: 1_000 } })
  const viewer = await lookAt(at)
  await until(() => expect(viewer.response.complete).toBe(true))
  expect(viewer.parts.at(-1)?.headers).toMatchObject({ 'x-travessia-end': 'DEVICE_TIMEOUT' })
  expect((await endOf(at)).data).toMatchObject({ reason: 'DEVICE_TIMEOUT', frames: 1 })
})

test('a connection that takes nothing any more is cut', async () => {
  const at = await camera({ limits: { stallMs: 300 } })
  const viewer = await lookAt(at)
  viewer.response.pause()
  // Until it is full: how much the system takes for a reader that stands still differs from time to time.
  let count = 1
  const sending = setInterval(() => {
    count += 1
    at.send(gif(count, 2_000_000))
  }, 30)
  const closed = endOf(at).finally(() => clearInterval(sending))
  expect((await closed).data).toMatchObject({ reason: 'viewer-stalled' })
  await until(() => expect(at.streams[0]?.destroyed).toBe(true))
})

test('the tunnel that breaks ends every viewing of it with the reason', async () => {
  const at = await camera()
  const viewers = [await lookAt(at), await lookAt(at)]
  at.streams[0]?.destroy(new TravessiaError('TUNNEL_LOST'))
  for (const { response, parts } of viewers) {
    await until(() => expect(response.complete).toBe(true))
    expect(parts.at(-1)?.headers).toMatchObject({ 'x-travessia-end': 'TUNNEL_LOST' })
  }
})

test('the stop of the node ends what is shown, and its end is recorded when stop resolves', async () => {
  const at = await camera()
  const viewer = await lookAt(at)
  await at.cameras.stop()
  const last = (await at.facts()).at(-1)
  expect(last?.data).toMatchObject({ reason: 'node-stop', frames: 1 })
  await until(() => expect(viewer.response.complete).toBe(true))
})

test('a camera without a stream is shown by its snapshots', async () => {
  let count = 0
  const answer: Answer = ({ camera: wish }) => {
    if (wish === 'stream') return refusal(404)
    count += 1
    return ok(Readable.from([gif(count)]))
  }
  const at = await camera({ answer })
  const viewer = await look(await at.url())
  await until(() => expect(viewer.parts.map(countOf).slice(0, 2)).toEqual([1, 2]))
  viewer.leave()
  await endOf(at)
  const asked = at.asked.length
  await sleep(1_500)
  expect(at.asked.length).toBe(asked)
})

test('a stream that the camera ends is opened again', async () => {
  const at = await camera()
  const viewer = await lookAt(at)
  at.streams[0]?.end()
  await until(() => expect(viewer.parts.map(countOf)).toEqual([1, 2]))
  viewer.leave()
})

test('a picture that is none, in the midst of a stream, ends it', async () => {
  const at = await camera()
  const viewer = await lookAt(at)
  at.send(Buffer.from('<script>alert(1)</script>'))
  await until(() => expect(viewer.response.complete).toBe(true))
  expect(Buffer.concat(viewer.parts.map(({ body }) => body)).includes('script')).toBe(false)
})

test('pictures follow each other fifteen times a second at most, large ones by their bytes', () => {
  expect(paceMs(1_000)).toBeCloseTo(66.7, 0)
  expect(paceMs(8 * 1024 * 1024)).toBe(2_000)
})
