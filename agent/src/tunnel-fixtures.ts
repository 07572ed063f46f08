/** A node's end for the tests of the tunnel: real frames to a real `TunnelServer`, devices on loopback. */
import type { AgentDevice } from '@travessia/schemas/devices'
import {
  decodeFrame,
  decodeHead,
  type ExchangeTimeouts,
  encodeHead,
  type Frame,
  FrameType,
  type RequestHead,
  type ResponseHead,
} from '@travessia/schemas/tunnel-frame'
import { TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { JWK } from 'jose'
import { onTestFinished } from 'vitest'
import { DeviceDrivers } from './device-drivers.ts'
import { silent } from './fixtures.ts'
import { TunnelServer } from './tunnel-server.ts'

const timeouts: ExchangeTimeouts = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 5_000 }

export type Exchange = {
  readonly status: number
  readonly headers: readonly string[]
  /** undefined: the answer has ended. */
  readonly next: () => Promise<Uint8Array | undefined>
  readonly body: () => Promise<Buffer>
}

export function tunnelTo(...devices: AgentDevice[]) {
  const streams = new Map<number, TunnelStream>()
  const toNode: Frame[] = []
  const pongs: Uint8Array[] = []
  const link = {
    isUp: true,
    isPaused: false,
    allowLoopback: true,
    /** To which credentials are sealed. */
    encryptionKey: {} as JWK,
    drained: (): Promise<void> => Promise.resolve(),
  }
  let lastId = 0
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
    isPaused: () => link.isPaused,
    onPong: (payload) => pongs.push(payload),
  })
  onTestFinished(() => server.stop())

  function open(head: Partial<RequestHead> = {}): TunnelStream {
    lastId += 1
    const stream = new TunnelStream(
      lastId,
      (frame) => {
        if (link.isUp) server.receive(frame)
        return link.isUp
      },
      () => streams.delete(stream.id),
    )
    streams.set(lastId, stream)
    const whole: RequestHead = {
      ...{ deviceId: devices[0]?.deviceId ?? '', method: 'GET', path: '/', headers: [], timeouts },
      ...head,
    }
    const isWhole = head.bodyBytes === undefined && head.webSocket === undefined
    stream.frame(FrameType.request, encodeHead(whole), isWhole)
    return stream
  }

  return {
    ...{ server, link, toNode, pongs, open },
    timeouts: (other: Partial<ExchangeTimeouts>) => ({ timeouts: { ...timeouts, ...other } }),
    get: (head: Partial<RequestHead> = {}) => answerOf(open(head)),
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
