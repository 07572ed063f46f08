/** A node's end for the tests of the tunnel: real frames to a real `TunnelServer`, devices on loopback. */
import { createServer, type RequestListener } from 'node:http'
import type { AgentDevice } from '@travessia/schemas/devices'
import type { Grant } from '@travessia/schemas/grant'
import { newId } from '@travessia/schemas/ids'
import type { BodyHead } from '@travessia/schemas/print-files'
import { decodeFrame, type Frame, FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import {
  decodeHead,
  type ExchangeTimeouts,
  encodeHead,
  type RequestHead,
  type ResponseHead,
} from '@travessia/schemas/tunnel-head'
import { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { TunnelWay } from '@travessia/schemas/tunnel-way'
import type { JWK } from 'jose'
import { onTestFinished } from 'vitest'
import { DeviceDrivers } from './device-drivers.ts'
import { deviceAt, listening, silent } from './fixtures.ts'
import type { PageSigner } from './page-signer.ts'
import type { Forbidden } from './site-policy.ts'
import { TunnelServer } from './tunnel-server.ts'

const timeouts: ExchangeTimeouts = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 5_000 }

export type Exchange = {
  readonly status: number
  readonly headers: readonly string[]
  /** undefined: the answer has ended. */
  readonly next: () => Promise<Uint8Array | undefined>
  readonly body: () => Promise<Buffer>
}

/** Each request may do all; `grants.ts` opens real ones. */
async function fullGrant({ deviceId }: RequestHead): Promise<Grant> {
  const ids = { tenantId: newId(), agentId: newId(), deviceId }
  return { ...ids, access: 'full', signIn: false, expiresAt: Date.now() }
}

type Requested = { readonly method: string; readonly port?: number | undefined }
const allowsAll = (_device: AgentDevice, _request: Requested): Forbidden | undefined => undefined

type TakeFile = (commandId: string, stream: TunnelStream) => Promise<void>
const refuseFile: TakeFile = async (_commandId, stream) => stream.reset(ResetCode.protocol)

/** To these devices, or to who takes files. */
export function tunnelTo(...ends: ReadonlyArray<AgentDevice | { readonly takeFile: TakeFile }>) {
  const devices = ends.filter((end) => 'deviceId' in end)
  const takeFile = ends.find((end) => 'takeFile' in end)?.takeFile ?? refuseFile
  const streams = new Map<number, TunnelStream>()
  const toNode: Frame[] = []
  const pongs: Uint8Array[] = []
  const link = {
    ...{ isUp: true, isPaused: false, allowLoopback: true, forbids: allowsAll },
    /** To which credentials are sealed. */
    encryptionKey: {} as JWK,
    drained: (): Promise<void> | undefined => undefined,
    grantOf: fullGrant,
    signer: undefined as PageSigner | undefined,
  }
  const policy = { allowLoopback: () => link.allowLoopback, forbiddenPorts: () => [] }
  const drivers = new DeviceDrivers(policy, () => link.encryptionKey)
  const server = new TunnelServer({
    send(bytes) {
      const frame = decodeFrame(bytes.slice())
      if (link.isUp)
        setImmediate(() => {
          toNode.push(frame)
          streams.get(frame.streamId)?.receive(frame)
        })
      return link.isUp
    },
    drained: () => link.drained(),
    deviceOf: (id) => devices.find(({ deviceId }) => deviceId === id),
    ...{ policy, log: silent },
    driverFor: (device) => drivers.driverFor(device),
    takeFile,
    grantOf: (head) => link.grantOf(head),
    signerOf: async () => link.signer,
    isPaused: () => link.isPaused,
    forbids: (device, request) => link.forbids(device, request),
    onPong: (payload) => pongs.push(payload),
  })
  onTestFinished(() => server.stop())

  const send = (frame: Uint8Array) => {
    if (link.isUp) server.receive(frame)
    return link.isUp
  }
  const { open, openFor } = nodeEnd(streams, send, devices[0]?.deviceId ?? '')
  return {
    ...{ server, link, toNode, pongs, open, openFor },
    timeouts: (other: Partial<ExchangeTimeouts>) => ({ timeouts: { ...timeouts, ...other } }),
    get: (head: Partial<RequestHead> = {}) => answerOf(open(head)),
  }
}

export async function httpDevice(listener: RequestListener) {
  return tunnelTo(deviceAt(`http://127.0.0.1:${await listening(createServer(listener))}`))
}

/** Opens streams as a node does: requests to a device, and bodies of commands. */
function nodeEnd(
  streams: Map<number, TunnelStream>,
  send: (frame: Uint8Array) => boolean,
  deviceId: string,
) {
  const way = new TunnelWay(send)
  let lastId = 0
  const openWith = (head: RequestHead | BodyHead, isWhole: boolean): TunnelStream => {
    lastId += 1
    const stream = new TunnelStream(lastId, way, () => streams.delete(stream.id))
    streams.set(lastId, stream)
    stream.frame(FrameType.request, encodeHead(head), isWhole)
    return stream
  }
  return {
    openFor: (head: BodyHead) => openWith(head, false),
    open(head: Partial<RequestHead> = {}): TunnelStream {
      const isWhole = head.bodyBytes === undefined && head.webSocket === undefined
      const usual = { deviceId, method: 'GET', path: '/', headers: [], grant: 'a.b.c', timeouts }
      return openWith({ ...usual, ...head }, isWhole)
    },
  }
}

/** The answer on a stream. @throws StreamReset */
export async function answerOf(stream: TunnelStream): Promise<Exchange> {
  const frame = await stream.read()
  if (frame?.type !== FrameType.response) throw new Error(`frame ${frame?.type} is no answer`)
  const { head, body: first } = decodeHead(frame.payload)
  let isFirst = first.length > 0
  const next = async () => {
    if (isFirst) {
      isFirst = false
      return first
    }
    return (await stream.read())?.payload
  }
  const body = async () => {
    const chunks: Uint8Array[] = []
    for (let chunk = await next(); chunk; chunk = await next()) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  return { ...(head as ResponseHead), next, body }
}
