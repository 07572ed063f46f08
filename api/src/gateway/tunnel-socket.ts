/** A WebSocket to a device through the tunnel: messages keep their bounds and their kind. */
import {
  decodeCodeAndText,
  encodeCodeAndText,
  Flag,
  FrameType,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import type { RequestHead } from '@travessia/schemas/tunnel-head'
import { MessageAssembler, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { Leaving } from './departure.ts'
import type { DeviceResponse, DeviceSocket } from './device-client.ts'
import { exchange } from './exchange.ts'

export const maxMessageBytes = 16 * 1024 * 1024
const wentAway = 1001
const broken = 1011

export async function openTunnelSocket(
  stream: TunnelStream,
  head: RequestHead,
  signal: Leaving,
): Promise<DeviceSocket | DeviceResponse> {
  const answer = await exchange(stream, head, { signal })
  if (answer.status !== 101) return answer
  const { headers } = answer
  let onMessage: (data: Uint8Array, isBinary: boolean) => Promise<void> = async () => undefined
  let onClose: (code: number, reason: string) => void = () => undefined
  const index = headers.findIndex(
    (text, i) => i % 2 === 0 && text.toLowerCase() === 'sec-websocket-protocol',
  )
  const { end, ...device } = outgoing(stream)
  return {
    ...device,
    protocol: index < 0 ? '' : (headers[index + 1] ?? ''),
    onMessage: (listener) => {
      onMessage = listener
      void pump()
    },
    onClose: (listener) => {
      onClose = listener
    },
  }

  async function pump(): Promise<void> {
    const assembler = new MessageAssembler()
    try {
      for (let frame = await stream.read(); frame; frame = await stream.read()) {
        if (frame.type === FrameType.wsClose) {
          const { code, text } = decodeCodeAndText(frame.payload)
          end()
          return onClose(code, text)
        }
        const message = assembler.add(frame, maxMessageBytes)
        if (message) await onMessage(message, (frame.flags & Flag.binary) !== 0)
      }
      onClose(wentAway, '')
    } catch {
      stream.reset(ResetCode.cancel)
      onClose(broken, '')
    }
  }
}

/** Messages one after the other: pieces of two would be joined into one. In the middle of one there is no end but a reset. */
function outgoing(stream: TunnelStream) {
  let sending = Promise.resolve()
  let waiting = 0
  const last = (type: FrameType, payload?: Uint8Array) => {
    if (!stream.isClosed) stream.frame(type, payload, true)
  }
  const lastNow = (type: FrameType, payload?: Uint8Array) =>
    waiting > 0 ? stream.reset(ResetCode.cancel) : last(type, payload)
  return {
    async send(data: Uint8Array, isBinary: boolean): Promise<void> {
      waiting += 1
      const sent = sending
        .then(() => stream.write(data, isBinary ? Flag.binary : Flag.text))
        .finally(() => {
          waiting -= 1
        })
      sending = sent.catch(() => undefined)
      return sent
    },
    close: (code: number, reason: string) =>
      void sending.then(() => last(FrameType.wsClose, encodeCodeAndText(code, reason))),
    cut: (code: number, reason: string) =>
      lastNow(FrameType.wsClose, encodeCodeAndText(code, reason)),
    end: () => lastNow(FrameType.end),
  }
}
