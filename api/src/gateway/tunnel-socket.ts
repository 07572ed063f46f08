/** A WebSocket to a device through the tunnel: messages keep their bounds and their kind. */
import { TravessiaError } from '@travessia/schemas/errors'
import {
  decodeCodeAndText,
  encodeCodeAndText,
  Flag,
  FrameType,
  type RequestHead,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { MessageAssembler, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import type { DeviceSocket } from './device-client.ts'
import { exchange } from './exchange.ts'

export const maxMessageBytes = 16 * 1024 * 1024
const wentAway = 1001
const broken = 1011

export async function openTunnelSocket(
  stream: TunnelStream,
  head: RequestHead,
  signal: AbortSignal,
): Promise<DeviceSocket> {
  const { status, headers, body } = await exchange(stream, head, { signal })
  if (status !== 101) {
    body.destroy()
    throw new TravessiaError('DEVICE_PROTOCOL', { status })
  }
  let onMessage: (data: Uint8Array, isBinary: boolean) => Promise<void> = async () => undefined
  let onClose: (code: number, reason: string) => void = () => undefined
  const index = headers.findIndex(
    (text, i) => i % 2 === 0 && text.toLowerCase() === 'sec-websocket-protocol',
  )
  return {
    protocol: index < 0 ? '' : (headers[index + 1] ?? ''),
    send: (data, isBinary) => stream.write(data, isBinary ? Flag.binary : Flag.text),
    onMessage: (listener) => {
      onMessage = listener
      void pump()
    },
    onClose: (listener) => {
      onClose = listener
    },
    close: (code, reason) => {
      if (!stream.isClosed) stream.frame(FrameType.wsClose, encodeCodeAndText(code, reason), true)
    },
  }

  async function pump(): Promise<void> {
    const assembler = new MessageAssembler()
    try {
      for (let frame = await stream.read(); frame; frame = await stream.read()) {
        if (frame.type === FrameType.wsClose) {
          const { code, text } = decodeCodeAndText(frame.payload)
          if (!stream.isClosed) stream.frame(FrameType.end, undefined, true)
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
