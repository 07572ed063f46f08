/** Cameras with a real log and real browsers' connections; the device's end is a stream in the test's hand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import type { CameraFact, RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { encodePart, MultipartReader, type Part } from '@travessia/schemas/multipart'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { paceMs } from './camera-viewing.ts'
import { Cameras, cameraLimits, type ViewRequest } from './cameras.ts'
import type { DeviceRequest, DeviceResponse } from './device-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-cameras-'))
let store: EventStore

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

const gif = (count: number, bytes = 40) =>
  Buffer.concat([Buffer.from(`GIF89a${String(count).padStart(9)}`), Buffer.alloc(bytes, 1)])
const countOf = ({ body }: Part) => Number(Buffer.from(body.subarray(6, 15)).toString())
const ok = (body: Readable): DeviceResponse => ({ status: 200, headers: [], body })
const refusal = (status: number): DeviceResponse => ({ ...ok(Readable.from([])), status })
const coded = (code: string) => expect.objectContaining({ code })

type Answer = (request: DeviceRequest) => DeviceResponse | Promise<DeviceResponse>
type Options = {
  readonly answer?: Answer
  readonly limits?: Partial<typeof cameraLimits>
  readonly store?: EventStore
  readonly now?: () => number
}

/** A camera, what it was asked, and those who look at it. */
function camera({ answer, limits, store: log = store, now = Date.now }: Options = {}) {
  const device = {
    ...{ id: newId(), tenantId: newId(), installationId: newId(), name: 'Recepção' },
    ...{ driver: 'camera', viaAgent: true, baseUrl: 'http://192.168.0.9' },
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 },
  } as unknown as DeviceRow
  const asked: DeviceRequest[] = []
  const streams: PassThrough[] = []
  const streaming: Answer = ({ camera: wish, signal }) => {
    if (wish === 'snapshot') return ok(Readable.from([gif(7)]))
    const stream = new PassThrough()
    signal.addEventListener('abort', () => stream.destroy(new Error('aborted')))
    streams.push(stream)
    return ok(stream)
  }
  const client = {
    request: async (request: DeviceRequest) => {
      asked.push(request)
      return (answer ?? streaming)(request)
    },
    openWebSocket: () => Promise.reject(new Error('no')),
  }
  const cameras = new Cameras({
    store: log,
    access: { ready: async () => undefined, clientOf: async () => client },
    ...{ now, log: pino({ level: 'silent' }), limits: { ...cameraLimits, ...limits } },
  })
  onTestFinished(() => cameras.stop())
  const onlooker = (userId = newId()) => ({ device, userId, correlationId: newId() })
  const send = (picture: Uint8Array) => streams.at(-1)?.write(encodePart({}, picture))
  let address: Promise<string> | undefined
  const url = () => {
    address ??= watching(cameras, onlooker())
    return address
  }
  return { device, asked, streams, cameras, onlooker, send, url }
}

/** Where browsers connect. */
async function watching(
  cameras: Cameras,
  onlooker: Omit<ViewRequest, 'mode' | 'isWelcome' | 'gone'>,
  other: Partial<ViewRequest> = {},
): Promise<string> {
  const server = createServer((_request, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const isWelcome = async () => true
    const view = { ...onlooker, mode: 'stream', isWelcome, gone: gone.signal, ...other } as const
    cameras
      .watch(view, () => response)
      .catch((error: TravessiaError) => response.writeHead(error.status).end(error.code))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Viewer = {
  readonly status: number
  readonly parts: Part[]
  readonly text: () => string
  readonly response: IncomingMessage
  leave(): void
}

async function look(url: string): Promise<Viewer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      const [reader, parts, raw] = [new MultipartReader(), [] as Part[], [] as Buffer[]]
      response.on('data', (chunk: Buffer) => {
        if (response.statusCode === 200) parts.push(...reader.push(chunk))
        else raw.push(chunk)
      })
      response.on('error', () => undefined)
      resolve({
        ...{ status: response.statusCode ?? 0, parts, response },
        text: () => Buffer.concat(raw).toString(),
        leave: () => request.destroy(),
      })
    })
    request.on('error', reject)
  })
}

const until = <T>(check: () => T | Promise<T>) =>
  vi.waitFor(check, { timeout: 15_000, interval: 10 })

/** Someone who looks, and has their first picture. */
async function lookAt(at: ReturnType<typeof camera>, count = 1): Promise<Viewer> {
  const { streams, send } = at
  const looking = look(await at.url())
  await until(() => expect(streams.at(-1)?.destroyed).toBe(false))
  send(gif(count))
  return looking
}

/** The real one, but for how it appends. */
function storeThat(append: EventStore['append']): EventStore {
  const readStream: EventStore['readStream'] = (...stream) => store.readStream(...stream)
  return { append, readStream } as EventStore
}

async function factsOf(device: DeviceRow): Promise<Array<RecordedEvent & CameraFact>> {
  const { tenantId, id: deviceId } = device
  const { items } = await store.query({ tenantId, deviceId, limit: 100 })
  return items.toReversed() as Array<RecordedEvent & CameraFact>
}
const endOf = (device: DeviceRow) =>
  until(async () => {
    const facts = await factsOf(device)
    const end = facts.findLast(({ type }) => type === 'CameraViewClosed')
    if (!end) throw new Error('not closed')
    return end
  })

test('two who look are served by one reading, and the last who leaves ends it', async () => {
  const at = camera()
  const [one, other] = [await lookAt(at), await lookAt(at)]
  at.send(gif(2))
  await until(() =>
    expect([one, other].map(({ parts }) => parts.map(countOf).at(-1))).toEqual([2, 2]),
  )
  expect(at.asked).toHaveLength(1)
  one.leave()
  await endOf(at.device)
  at.send(gif(3))
  await until(() => expect(other.parts.map(countOf).at(-1)).toBe(3))
  other.leave()
  await until(() => expect(at.streams[0]?.destroyed).toBe(true))
  await until(async () => expect(await factsOf(at.device)).toHaveLength(4))
  const third = await lookAt(at)
  expect(at.asked).toHaveLength(2)
  third.leave()
})

test('a viewing is a pair of facts with what was sent', async () => {
  const at = camera()
  const viewer = await lookAt(at)
  expect(viewer.response.headers).toMatchObject({ 'cache-control': 'no-store' })
  viewer.leave()
  const { data, streamId } = await endOf(at.device)
  expect(data).toMatchObject({ reason: 'viewer', frames: 1, durationMs: expect.any(Number) })
  const facts = await factsOf(at.device)
  expect(facts.map(({ type, streamId: of }) => [type, of === streamId])).toEqual([
    ['CameraViewOpened', true],
    ['CameraViewClosed', true],
  ])
})

test('who reads slowly misses whole pictures and holds up nobody', async () => {
  const at = camera()
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
  for (const { body } of slow.parts.slice(1)) expect(body.length).toBe(large + 15)
})

test('nothing is read before the viewing is recorded, and nothing at all when it cannot be', async () => {
  const { promise, resolve: go } = Promise.withResolvers<void>()
  const held = storeThat(async (append) => {
    await promise
    return store.append(append)
  })
  const at = camera({ store: held })
  const looking = look(await at.url())
  await sleep(100)
  expect(at.asked).toEqual([])
  go()
  await until(() => expect(at.asked).toHaveLength(1))
  at.send(gif(1))
  ;(await looking).leave()
  const broken = storeThat(() => Promise.reject(new TravessiaError('STORE_UNAVAILABLE')))
  const without = camera({ store: broken })
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
  const at = camera({ limits })
  const [one] = [await lookAt(at), await lookAt(at)]
  const third = await look(await at.url())
  await until(() => expect([third.status, third.text()]).toEqual([503, 'CAMERA_BUSY']))
  one.leave()
  await endOf(at.device)
  await until(async () => expect((await lookAt(at)).status).toBe(200))
})

test('after its time a viewing ends, and says why', async () => {
  const at = camera({ limits: { viewMs: 300 } })
  const viewer = await lookAt(at)
  await until(() => expect(viewer.response.complete).toBe(true))
  expect(viewer.parts.at(-1)?.headers).toMatchObject({ 'x-travessia-end': 'time-limit' })
  expect((await endOf(at.device)).data).toMatchObject({ reason: 'time-limit' })
  expect(at.streams[0]?.destroyed).toBe(true)
})

test('who may not look any more, or cannot be asked, is shown nothing more', async () => {
  for (const isWelcome of [async () => false, () => Promise.reject(new Error('down'))]) {
    const at = camera({ limits: { welcomeMs: 100 } })
    const url = await watching(at.cameras, at.onlooker(), { isWelcome })
    const viewer = await lookAt({ ...at, url: async () => url })
    await until(() => expect(viewer.response.complete).toBe(true))
    expect((await endOf(at.device)).data).toMatchObject({ reason: 'access-changed' })
  }
})

test('a camera that falls silent ends the viewing as timed out', async () => {
  const at = camera({ limits: { silenceMs: 200 } })
  const viewer = await lookAt(at)
  await until(() => expect(viewer.response.complete).toBe(true))
  expect(viewer.parts.at(-1)?.headers).toMatchObject({ 'x-travessia-end': 'DEVICE_TIMEOUT' })
  expect((await endOf(at.device)).data).toMatchObject({ reason: 'DEVICE_TIMEOUT', frames: 1 })
})

test('a connection that takes nothing any more is cut', async () => {
  const at = camera({ limits: { stallMs: 300 } })
  const viewer = await lookAt(at)
  viewer.response.pause()
  const closed = endOf(at.device)
  for (let count = 2; count < 30; count += 1) {
    at.send(gif(count, 2_000_000))
    await sleep(30)
  }
  expect((await closed).data).toMatchObject({ reason: 'viewer-stalled' })
  await until(() => expect(at.streams[0]?.destroyed).toBe(true))
})

test('the tunnel that breaks ends every viewing of it with the reason', async () => {
  const at = camera()
  const viewers = [await lookAt(at), await lookAt(at)]
  at.streams[0]?.destroy(new TravessiaError('TUNNEL_LOST'))
  for (const { response, parts } of viewers) {
    await until(() => expect(response.complete).toBe(true))
    expect(parts.at(-1)?.headers).toMatchObject({ 'x-travessia-end': 'TUNNEL_LOST' })
  }
})

test('the stop of the node ends what is shown, and its end is recorded when stop resolves', async () => {
  const at = camera()
  const viewer = await lookAt(at)
  await at.cameras.stop()
  const last = (await factsOf(at.device)).at(-1)
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
  const at = camera({ answer })
  const viewer = await look(await at.url())
  await until(() => expect(viewer.parts.map(countOf).slice(0, 2)).toEqual([1, 2]))
  viewer.leave()
  await endOf(at.device)
  const asked = at.asked.length
  await sleep(1_500)
  expect(at.asked.length).toBe(asked)
})

test('a stream that the camera ends is opened again', async () => {
  const at = camera()
  const viewer = await lookAt(at, 1)
  at.streams[0]?.end()
  await until(() => expect(at.streams).toHaveLength(2))
  at.send(gif(2))
  await until(() => expect(viewer.parts.map(countOf)).toEqual([1, 2]))
  viewer.leave()
})

test.each([
  [401, '', 'CAMERA_SIGN_IN'],
  [404, '', 'CAMERA_NO_PICTURE'],
  [200, '<!doctype html><script>alert(1)</script>', 'CAMERA_NO_PICTURE'],
  [200, '<svg xmlns="http://www.w3.org/2000/svg"/>', 'CAMERA_NO_PICTURE'],
])('an agent that answers %d %j gives no picture, but a reason', async (status, text, code) => {
  const answer: Answer = () => ({ ...ok(Readable.from([Buffer.from(text)])), status })
  const at = camera({ answer })
  await expect(at.cameras.snapshot(at.onlooker())).rejects.toEqual(coded(code))
})

test('a picture that is none, in the midst of a stream, ends it', async () => {
  const at = camera()
  const viewer = await lookAt(at)
  at.send(Buffer.from('<script>alert(1)</script>'))
  await until(() => expect(viewer.response.complete).toBe(true))
  expect(Buffer.concat(viewer.parts.map(({ body }) => body)).includes('script')).toBe(false)
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
  const at = camera({ answer: endless })
  await expect(at.cameras.snapshot(at.onlooker())).rejects.toEqual(coded('DEVICE_PROTOCOL'))
})

test('whoever asks for a snapshot at the same time gets the same, and a live picture needs no asking', async () => {
  const at = camera()
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
  const at = camera({ now: () => now })
  const [ana, rui] = [at.onlooker(), at.onlooker()]
  for (const onlooker of [ana, ana, rui, ana]) await at.cameras.snapshot(onlooker)
  expect(await factsOf(at.device)).toHaveLength(2)
  now += 5 * 60_000
  await at.cameras.snapshot(ana)
  expect((await factsOf(at.device)).map(({ type }) => type)).toEqual(
    Array(3).fill('CameraSnapshotRequested'),
  )
})

test.each([{ driver: 'http' }, { viaAgent: false }])('%j is no camera here', async (other) => {
  const at = camera()
  const onlooker = { ...at.onlooker(), device: { ...at.device, ...other } as DeviceRow }
  await expect(at.cameras.snapshot(onlooker)).rejects.toEqual(coded('NOT_FOUND'))
  const gone = new AbortController().signal
  const view = { ...onlooker, mode: 'stream', isWelcome: async () => true, gone } as const
  await expect(at.cameras.watch(view, () => expect.fail('begun'))).rejects.toEqual(
    coded('NOT_FOUND'),
  )
  expect([at.asked, await factsOf(at.device)]).toEqual([[], []])
})

test('pictures follow each other fifteen times a second at most, large ones by their bytes', () => {
  expect(paceMs(1_000)).toBeCloseTo(66.7, 0)
  expect(paceMs(8 * 1024 * 1024)).toBe(2_000)
})
