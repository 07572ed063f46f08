/**
 * Pictures of a camera for those who look at it: the driver knows address and credentials, which the cloud never
 * sees. The customer's uplink is the narrowest part of the way, so pictures that it cannot take are dropped here,
 * whole, and the newest goes next.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentDevice } from '@travessia/schemas/devices'
import { Latest } from '@travessia/schemas/latest'
import {
  encodePart,
  MultipartReader,
  multipartEnd,
  multipartType,
} from '@travessia/schemas/multipart'
import { maxFramesPerSecond, maxPictureBytes, pictureTypeOf } from '@travessia/schemas/picture'
import { FrameType } from '@travessia/schemas/tunnel-frame'
import { type CameraWish, encodeHead, type RequestHead } from '@travessia/schemas/tunnel-head'
import type { TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { Dispatcher } from 'undici'
import type { DevicePools } from './device-pools.ts'
import type { Eye } from './drivers/driver.ts'

type CameraTarget = {
  readonly device: AgentDevice
  readonly eye: Eye
  readonly pools: DevicePools
}
type Body = Dispatcher.ResponseData['body']
type Source = CameraTarget & { readonly signal: AbortSignal; readonly head: CameraHead }
type CameraHead = RequestHead & { readonly camera: CameraWish }

export async function serveCamera(
  stream: TunnelStream,
  head: CameraHead,
  target: CameraTarget,
): Promise<void> {
  const abort = new AbortController()
  // The last viewer went away: the camera's request is aborted.
  stream.onReset(() => abort.abort())
  const { eye } = target
  let refusal = 404
  for (const path of eye.addresses(head.camera)) {
    const answer = await ask({ ...target, signal: abort.signal, head }, path)
    const { body, statusCode } = answer
    // Thrown away below, which is no error of anybody.
    body.on('error', () => undefined)
    const send = await senderOf(answer, head.camera)
    if (send) {
      eye.found(head.camera, path)
      return send(stream)
    }
    body.destroy()
    if (statusCode === 401 || statusCode === 403) refusal = 401
  }
  stream.frame(FrameType.response, encodeHead({ status: refusal, headers: [] }), true)
}

type Send = (stream: TunnelStream) => Promise<void>

/** undefined: this is not what was wished for, and nothing of it leaves. */
async function senderOf(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  wish: CameraWish,
): Promise<Send | undefined> {
  if (statusCode !== 200) return undefined
  if (wish === 'stream') {
    const isMultipart = /^multipart\//i.test(String(headers['content-type']))
    return isMultipart ? (stream) => sendStream(stream, body) : undefined
  }
  const picture = await wholeOf(body)
  return picture && ((stream) => sendSnapshot(stream, picture))
}

function ask(
  { device, eye, pools, head, signal }: Source,
  path: string,
): Promise<Dispatcher.ResponseData> {
  const { connectMs, firstByteMs, idleMs } = head.timeouts
  const { pool, target } = pools.poolFor(device, undefined, connectMs)
  return pool.request({
    ...{ method: 'GET', path, signal, headersTimeout: firstByteMs },
    bodyTimeout: idleMs,
    headers: { host: target.host, ...eye.headers },
  })
}

async function sendSnapshot(stream: TunnelStream, picture: Uint8Array): Promise<void> {
  stream.frame(FrameType.response, encodeHead({ status: 200, headers: [] }), false)
  await stream.write(picture)
  stream.frame(FrameType.end, undefined, true)
}

/** undefined: no picture, or larger than any. */
async function wholeOf(body: Body): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxPictureBytes) return undefined
    chunks.push(chunk as Buffer)
  }
  const whole = Buffer.concat(chunks)
  return pictureTypeOf(whole) === undefined ? undefined : whole
}

/** Until the camera ends it or nobody looks any more. */
async function sendStream(stream: TunnelStream, body: Body): Promise<void> {
  const head = { status: 200, headers: ['content-type', multipartType] }
  stream.frame(FrameType.response, encodeHead(head), false)
  const latest = new Latest<Uint8Array>()
  readPictures(body, latest).then(
    () => latest.end(),
    (error: unknown) => latest.end(error),
  )
  for (let picture = await latest.next(); picture; picture = await latest.next()) {
    const turn = sleep(1_000 / maxFramesPerSecond)
    await stream.write(encodePart({}, picture))
    await turn
  }
  await stream.write(multipartEnd)
  stream.frame(FrameType.end, undefined, true)
}

async function readPictures(body: Body, latest: Latest<Uint8Array>): Promise<void> {
  const reader = new MultipartReader()
  for await (const chunk of body) {
    for (const part of reader.push(chunk as Buffer))
      if (pictureTypeOf(part.body) !== undefined) latest.put(part.body)
    if (reader.isEnded) return
  }
}
