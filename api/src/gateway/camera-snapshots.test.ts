import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { type Answer, camera, coded, countOf, gif, lookAt, ok } from './camera.fixture.ts'

test.each([
  [401, '', 'CAMERA_SIGN_IN'],
  [404, '', 'CAMERA_NO_PICTURE'],
  [200, '<!doctype html><script>alert(1)</script>', 'CAMERA_NO_PICTURE'],
  [200, '<svg xmlns="http://www.w3.org/2000/svg"/>', 'CAMERA_NO_PICTURE'],
])('an agent that answers %d %j gives no picture, but a reason', async (status, text, code) => {
  const answer: Answer = () => ({ ...ok(Readable.from([Buffer.from(text)])), status })
  const at = await camera({ answer })
  await expect(at.cameras.snapshot(at.onlooker())).rejects.toEqual(coded(code))
})

test('a snapshot larger than the bound is refused', async () => {
  const endless = () => {
    const start = gif(1)
    return ok(
      Readable.from(
        (function* () {
          yield start
          for (;;) yield Buffer.alloc(1_000_000)
        })(),
      ),
    )
  }
  const at = await camera({ answer: endless })
  await expect(at.cameras.snapshot(at.onlooker())).rejects.toEqual(coded('DEVICE_PROTOCOL'))
})

test('whoever asks for a snapshot at the same time gets the same, and a live picture needs no asking', async () => {
  const now = Date.now()
  let recorded = 0
  const three = Promise.withResolvers<void>()
  const at = await camera({
    now: () => now,
    append: async (append, store) => {
      const done = await store.append(append)
      recorded += 1
      if (recorded === 3) three.resolve()
      await three.promise
      return done
    },
  })
  const all = await Promise.all([1, 2, 3].map(() => at.cameras.snapshot(at.onlooker())))
  expect(all.map(({ type }) => type)).toEqual(['image/gif', 'image/gif', 'image/gif'])
  expect(at.asked).toHaveLength(1)
  const viewer = await lookAt(at)
  const fresh = await at.cameras.snapshot(at.onlooker())
  expect([countOf({ headers: {}, body: fresh.bytes }), at.asked.length]).toEqual([1, 2])
  viewer.leave()
})

test('snapshots are one fact in five minutes for each person and camera', async () => {
  let now = Date.now()
  const at = await camera({ now: () => now })
  const [ana, rui] = [at.onlooker(), at.onlooker()]
  for (const onlooker of [ana, ana, rui, ana]) await at.cameras.snapshot(onlooker)
  expect(await at.facts()).toHaveLength(2)
  now += 5 * 60_000
  await at.cameras.snapshot(ana)
  expect((await at.facts()).map(({ type }) => type)).toEqual(
    Array(3).fill('CameraSnapshotRequested'),
  )
})

test.each([{ driver: 'http' }, { viaAgent: false }])('%j is no camera here', async (other) => {
  const at = await camera()
  const onlooker = { ...at.onlooker(), device: { ...at.device, ...other } as DeviceRow }
  await expect(at.cameras.snapshot(onlooker)).rejects.toEqual(coded('NOT_FOUND'))
  const gone = new AbortController().signal
  const view = { ...onlooker, mode: 'stream', isWelcome: async () => true, gone } as const
  await expect(at.cameras.watch(view, () => expect.fail('begun'))).rejects.toEqual(
    coded('NOT_FOUND'),
  )
  expect([at.asked, await at.facts()]).toEqual([[], []])
})
