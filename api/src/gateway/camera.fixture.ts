/** For tests: cameras with a real log and real browsers' connections; the device's end is a stream in the test's hand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import type { TravessiaError } from '@travessia/schemas/errors'
import type { CameraFact, RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { encodePart, MultipartReader, type Part } from '@travessia/schemas/multipart'
import { pino } from 'pino'
import { expect, onTestFinished, vi } from 'vitest'
import type { Append, EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { AnswerHead } from './answer-head.ts'
import { Cameras, cameraLimits, type ViewRequest } from './cameras.ts'
import { onceGone } from './departure.ts'
import type { DeviceRequest, DeviceResponse } from './device-client.ts'

export const gif = (count: number, bytes = 40) =>
  Buffer.concat([Buffer.from(`GIF89a${String(count).padStart(9)}`), Buffer.alloc(bytes, 1)])
export const countOf = ({ body }: Part) => Number(Buffer.from(body.subarray(6, 15)).toString())
const answered = (status: number, body: Readable): DeviceResponse => ({
  ...{ status, headers: [], head: new AnswerHead(status, []), body },
})
export const ok = (body: Readable): DeviceResponse => answered(200, body)
export const refusal = (status: number): DeviceResponse => answered(status, Readable.from([]))
export const coded = (code: string) => expect.objectContaining({ code })

export type Answer = (request: DeviceRequest) => DeviceResponse | Promise<DeviceResponse>
type Options = {
  readonly answer?: Answer
  readonly limits?: Partial<typeof cameraLimits>
  /** How its log appends instead. */
  readonly append?: (append: Append, store: EventStore) => ReturnType<EventStore['append']>
  readonly now?: () => number
}

/** A camera, what it was asked, and those who look at it. */
export async function camera({ answer, limits, append, now = Date.now }: Options = {}) {
  const store = await temporaryStore()
  const readStream: EventStore['readStream'] = (...stream) => store.readStream(...stream)
  const log = append ? ({ append: (one) => append(one, store), readStream } as EventStore) : store
  const device = {
    ...{ id: newId(), tenantId: newId(), installationId: newId(), name: 'Recepção' },
    ...{ driver: 'camera', viaAgent: true, baseUrl: 'http://192.168.0.9' },
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 },
  } as unknown as DeviceRow
  const asked: DeviceRequest[] = []
  const streams: PassThrough[] = []
  const send = (picture: Uint8Array) => streams.at(-1)?.write(encodePart({}, picture))
  const streaming: Answer = ({ camera: wish, signal }) => {
    if (wish === 'snapshot') return ok(Readable.from([gif(7)]))
    const stream = new PassThrough()
    onceGone(signal, () => stream.destroy(new Error('aborted')))
    streams.push(stream)
    // There before any limit of a viewing can be over.
    send(gif(streams.length))
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
  const onlooker = () => ({ device, userId: newId(), correlationId: newId() })
  let address: Promise<string> | undefined
  const url = () => {
    address ??= watching(cameras, onlooker())
    return address
  }
  const facts = async () => {
    const { items } = await store.query({ tenantId: device.tenantId, limit: 100 })
    return items.toReversed() as Array<RecordedEvent & CameraFact>
  }
  return { device, asked, streams, cameras, onlooker, send, url, facts }
}

export type Camera = Awaited<ReturnType<typeof camera>>

async function temporaryStore(): Promise<EventStore> {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-cameras-'))
  const store = await createSqliteStore(join(directory, 'events.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  return store
}

/** Where browsers connect. */
export async function watching(
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

export async function look(url: string): Promise<Viewer> {
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

export const until = <T>(check: () => T | Promise<T>) =>
  vi.waitFor(check, { timeout: 15_000, interval: 10 })

/** Someone who looks, and has their first picture: of a stream its number. */
export async function lookAt({ url }: Pick<Camera, 'url'>): Promise<Viewer> {
  return look(await url())
}

export const endOf = ({ facts }: Camera) =>
  until(async () => {
    const end = (await facts()).findLast(({ type }) => type === 'CameraViewClosed')
    if (!end) throw new Error('not closed')
    return end
  })
