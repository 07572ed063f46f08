/**
 * Pictures of one camera, through its agent. What passes as a picture its bytes decide here once more: an agent is
 * the customer's machine, and its answers are shown on our own origin.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { MultipartReader } from '@travessia/schemas/multipart'
import { maxPictureBytes, pictureTypeOf } from '@travessia/schemas/picture'
import type { CameraWish } from '@travessia/schemas/tunnel-head'
import type { ViewMode } from '../domain/viewing.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { DeviceBody, DeviceClient } from './device-client.ts'

export type Picture = {
  readonly type: string
  readonly bytes: Uint8Array
  /** When the node had it, ms since 1970. */
  readonly at: number
}
export type CameraSource = {
  readonly client: DeviceClient
  readonly device: DeviceRow
  readonly now: () => number
}

const snapshotMs = 15_000
const firstByteMs = 10_000
const pollMs = 1_000

/** @throws TravessiaError CAMERA_NO_PICTURE, CAMERA_SIGN_IN, DEVICE_*, AGENT_*, TUNNEL_* */
export async function takeSnapshot(source: CameraSource, signal?: AbortSignal): Promise<Picture> {
  const limit = AbortSignal.timeout(snapshotMs)
  const body = await ask(source, 'snapshot', signal ? AbortSignal.any([signal, limit]) : limit)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxPictureBytes)
      throw new TravessiaError('DEVICE_PROTOCOL', { problem: 'too large' })
  }
  return pictureOf(Buffer.concat(chunks), source.now)
}

/**
 * One after the other until the signal: the camera's stream, again when it ends; snapshots of a camera that has
 * none, or for whoever wants few. @throws as `takeSnapshot`
 */
export async function* picturesOf(
  source: CameraSource,
  mode: ViewMode,
  signal: AbortSignal,
): AsyncGenerator<Picture> {
  for (let isStream = mode === 'stream'; isStream; ) {
    const body = await ask(source, 'stream', signal).catch(noneOf)
    const count = body ? yield* readStream(body, source.now) : 0
    isStream = count > 0
    if (isStream) await sleep(pollMs, undefined, { signal })
  }
  for (;;) {
    yield await takeSnapshot(source, signal)
    await sleep(pollMs, undefined, { signal })
  }
}

/** @returns how many there were */
async function* readStream(body: DeviceBody, now: () => number): AsyncGenerator<Picture, number> {
  const reader = new MultipartReader()
  let count = 0
  for await (const chunk of body) {
    for (const part of reader.push(chunk)) {
      count += 1
      yield pictureOf(part.body, now)
    }
  }
  return count
}

const none: readonly ErrorCode[] = ['CAMERA_NO_PICTURE', 'CAMERA_SIGN_IN']

function noneOf(error: unknown): undefined {
  if (!(error instanceof TravessiaError) || !none.includes(error.code)) throw error
}

async function ask(
  { client, device }: CameraSource,
  camera: CameraWish,
  signal: AbortSignal,
): Promise<DeviceBody> {
  const { timeouts } = device
  const { status, body } = await client.request({
    ...{ method: 'GET', path: '/', headers: [], camera, signal },
    timeouts: { ...timeouts, firstByteMs: Math.min(timeouts.firstByteMs, firstByteMs) },
  })
  if (status === 200) return body
  body.destroy()
  throw new TravessiaError(status === 401 ? 'CAMERA_SIGN_IN' : 'CAMERA_NO_PICTURE', { status })
}

function pictureOf(bytes: Uint8Array, now: () => number): Picture {
  const type = pictureTypeOf(bytes)
  if (type === undefined) throw new TravessiaError('CAMERA_NO_PICTURE')
  return { type, bytes, at: now() }
}
