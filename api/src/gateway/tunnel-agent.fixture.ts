/** For tests of the node’s end of the tunnel: an agent’s end made of the same streams. */
import { newId } from '@travessia/schemas/ids'
import {
  decodeFrame,
  decodeHello,
  encodeHello,
  FrameType,
  initialWindowBytes,
  maxFrameBytes,
} from '@travessia/schemas/tunnel-frame'
import { decodeHead, encodeHead, type RequestHead } from '@travessia/schemas/tunnel-head'
import { TunnelStream } from '@travessia/schemas/tunnel-stream'
import { TunnelWay } from '@travessia/schemas/tunnel-way'
import { pino } from 'pino'
import { expect } from 'vitest'
import { TunnelClient } from './tunnel-client.ts'

export const agent = { tenantId: newId(), agentId: newId() }
export const deviceId = newId()
export const timeouts = { connectMs: 100, firstByteMs: 100, idleMs: 1_000 }
export const get = { method: 'GET', path: '/', headers: [], timeouts }
export const here = () => new AbortController().signal
export const coded = (code: string) => expect.objectContaining({ code })

type Serve = (stream: TunnelStream, head: RequestHead) => Promise<void> | void

/** @param serve what the agent does with each request */
export function connect(serve: Serve) {
  const streams = new Map<number, TunnelStream>()
  const sent: number[] = []
  const hellos: string[] = []
  let isUp = true
  const client = new TunnelClient({
    ...{ now: Date.now, log: pino({ level: 'silent' }) },
    link: {
      send: (_to, frame) => {
        if (isUp) setImmediate(receive, Uint8Array.from(frame))
        return isUp
      },
    },
  })
  const answer = (frame: Uint8Array) => {
    client.onFrame(agent, Uint8Array.from(frame))
    return true
  }
  const way = new TunnelWay(answer)
  function receive(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    sent.push(frame.type)
    if (frame.type === FrameType.hello) {
      const { epoch } = decodeHello(frame.payload)
      hellos.push(epoch)
      answer(encodeHello({ epoch, windowBytes: initialWindowBytes, maxFrameBytes }))
    } else if (frame.type === FrameType.request) {
      const stream = new TunnelStream(frame.streamId, way, () => streams.delete(frame.streamId))
      streams.set(frame.streamId, stream)
      stream.receive(frame)
      void serveOne(stream)
    } else streams.get(frame.streamId)?.receive(frame)
  }
  async function serveOne(stream: TunnelStream): Promise<void> {
    try {
      const first = await stream.read()
      if (first) await serve(stream, decodeHead(first.payload).head as RequestHead)
    } catch {
      // Reset by the node.
    }
  }
  const cut = () => {
    isUp = false
  }
  return {
    client,
    sent,
    streams,
    hellos,
    answer,
    cut,
    device: client.clientFor(agent, { deviceId, grant: 'a.b.c' }),
  }
}

export async function ready(serve: Serve = () => undefined) {
  const tunnel = connect(serve)
  tunnel.client.hello(agent)
  await tunnel.client.ready(agent.agentId, 1_000)
  return tunnel
}
export const ok = (stream: TunnelStream, body = '', headers: string[] = []) =>
  stream.frame(FrameType.response, encodeHead({ status: 200, headers }, Buffer.from(body)), true)
