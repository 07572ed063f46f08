/** One WebSocket to a device: messages, kinds and close codes as they are; pings are answered here. */
import type { IncomingMessage } from 'node:http'
import type { AgentDevice } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import {
  decodeCodeAndText,
  encodeCodeAndText,
  Flag,
  FrameType,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { encodeHead, type RequestHead } from '@travessia/schemas/tunnel-head'
import { MessageAssembler, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import { WebSocket } from 'ws'
import { connectTo } from './device-pools.ts'
import type { Signed, Signer } from './page-signer.ts'
import { type Policy, targetOf } from './target-policy.ts'
import { headerOf, sendAnswer } from './tunnel-http.ts'

const maxMessageBytes = 16 * 1024 * 1024
/** Codes that may never be sent [RFC 6455 7.4.1] and what is said instead. */
const unsendable: Readonly<Record<number, number>> = { 1005: 1000, 1006: 1011, 1015: 1011 }

type WebSocketTarget = {
  readonly device: AgentDevice
  readonly policy: Policy
  readonly signer: Signer | undefined
}

export async function serveWebSocket(
  stream: TunnelStream,
  head: RequestHead,
  { device, policy, signer }: WebSocketTarget,
): Promise<void> {
  const signed = await signer?.()
  const target = targetOf(device, head.port)
  const tcp = await connectTo(target, policy, head.timeouts.connectMs)
  const scheme = target.protocol === 'https:' ? 'wss' : 'ws'
  const socket = new WebSocket(
    `${scheme}://${target.host}${head.path}`,
    [...(head.webSocket?.protocols ?? [])],
    {
      createConnection: () => tcp,
      headers: joinHeaders(signed?.request(head) ?? head.headers),
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      followRedirects: false,
    },
  )
  stream.onReset(() => socket.terminate())
  // Before it opens: a device may send its first message together with its 101.
  fromDevice(stream, socket, signed)
  const timer = setTimeout(
    () => stream.reset(ResetCode.firstByteTimeout),
    head.timeouts.firstByteMs,
  )
  const refusal = await opened(stream, socket).finally(() => clearTimeout(timer))
  await (refusal ? refuse(stream, refusal, { signed, ...head.timeouts }) : toDevice(stream, socket))
}

/** @returns the device's answer when it refuses */
async function opened(
  stream: TunnelStream,
  socket: WebSocket,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      const headers = socket.protocol ? ['sec-websocket-protocol', socket.protocol] : []
      stream.frame(FrameType.response, encodeHead({ status: 101, headers }), false)
      resolve(undefined)
    })
    socket.once('unexpected-response', (_request, response) => resolve(response))
    socket.on('error', reject)
  })
}

/**
 * The answer goes on like any other. The device's socket is closed when the node, which has it all, resets the stream.
 * @throws TravessiaError DEVICE_SIGN_IN_REFUSED: the browser must not ask a person for the password
 */
async function refuse(
  stream: TunnelStream,
  response: IncomingMessage,
  { signed, idleMs }: { signed: Signed | undefined; idleMs: number },
): Promise<void> {
  const { statusCode: status = 502, rawHeaders } = response
  if (signed && status === 401 && headerOf(rawHeaders, 'www-authenticate') !== '')
    throw new TravessiaError('DEVICE_SIGN_IN_REFUSED')
  const headers = signed?.answer(rawHeaders) ?? rawHeaders
  const body = signed?.mask.stream(response) ?? response
  await sendAnswer(stream, { status, headers }, { body, idleMs })
}

function fromDevice(stream: TunnelStream, socket: WebSocket, signed: Signed | undefined): void {
  let sending = Promise.resolve()
  let waiting = 0
  socket.on('message', (data: Buffer, isBinary) => {
    // One read may hold many messages: all of them leave before the next one.
    waiting += 1
    socket.pause()
    sending = sending
      .then(() =>
        stream.write(signed?.mask.bytes(data) ?? data, isBinary ? Flag.binary : Flag.text),
      )
      .then(() => {
        waiting -= 1
        if (waiting === 0) socket.resume()
      })
      .catch(() => socket.terminate())
  })
  socket.on('close', (code, reason) => {
    void sending.then(() => {
      if (stream.isClosed) return
      const payload = encodeCodeAndText(unsendable[code] ?? code, reason.toString())
      stream.frame(FrameType.wsClose, payload, true)
    })
  })
  socket.on('error', () => stream.reset(ResetCode.deviceClosed))
}

async function toDevice(stream: TunnelStream, socket: WebSocket): Promise<void> {
  const assembler = new MessageAssembler()
  for (let frame = await stream.read(); frame; frame = await stream.read()) {
    if (frame.type === FrameType.wsClose) {
      const { code, text } = decodeCodeAndText(frame.payload)
      return socket.close(unsendable[code] ?? code, text)
    }
    const message = assembler.add(frame, maxMessageBytes)
    if (message) await send(socket, message, (frame.flags & Flag.binary) !== 0)
  }
}

async function send(socket: WebSocket, data: Uint8Array, binary: boolean): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.send(data, { binary }, (error) => (error ? reject(error) : resolve()))
  })
}

function joinHeaders(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) headers[flat[i] ?? ''] = flat[i + 1] ?? ''
  return headers
}
