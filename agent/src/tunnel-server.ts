/**
 * The agent's end of the tunnel to one node: each request frame opens a stream, undici talks to the device,
 * the answer goes back as credit allows. When the data connection is lost every stream is aborted, and with
 * it the device's request; nothing is kept for later.
 */
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import type { AgentDevice } from '@travessia/schemas/devices'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { Grant } from '@travessia/schemas/grant'
import { bodyHeadSchema } from '@travessia/schemas/print-files'
import { isReadOnly, overridingMethods } from '@travessia/schemas/read-only'
import {
  decodeFrame,
  decodeHello,
  encodeHello,
  encodeReset,
  Flag,
  type Frame,
  FrameType,
  initialWindowBytes,
  maxFrameBytes,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { decodeHead, type RequestHead, requestHeadSchema } from '@travessia/schemas/tunnel-head'
import { type Incoming, StreamReset, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import { TunnelStreams } from '@travessia/schemas/tunnel-streams'
import { TunnelWay } from '@travessia/schemas/tunnel-way'
import type { Logger } from 'pino'
import { DevicePools } from './device-pools.ts'
import type { Driver } from './drivers/driver.ts'
import type { PageSigner, Signer } from './page-signer.ts'
import type { Act } from './site-policy.ts'
import type { Policy } from './target-policy.ts'
import { serveCamera } from './tunnel-camera.ts'
import { serveHttp } from './tunnel-http.ts'
import { serveWebSocket } from './tunnel-websocket.ts'

const isRequestHead = compile(requestHeadSchema)
const isBodyHead = compile(bodyHeadSchema)
const maxStreams = 512

export type TunnelDeps = {
  /** false: the data connection is gone. */
  readonly send: (frame: Uint8Array) => boolean
  /** undefined: the socket takes more; else resolves when it does again. */
  readonly drained: () => Promise<void> | undefined
  readonly deviceOf: (deviceId: string) => AgentDevice | undefined
  /** What the session may do. @throws TravessiaError GRANT_REFUSED */
  readonly grantOf: (head: RequestHead) => Grant | Promise<Grant>
  /** How the agent signs in to the pages of a device; undefined: its driver knows no way. */
  readonly signerOf: (device: AgentDevice) => Promise<PageSigner | undefined>
  readonly policy: Policy
  readonly driverFor: (device: AgentDevice) => Promise<Driver>
  /** A stream that brings the bytes of a command. */
  readonly takeFile: (commandId: string, stream: TunnelStream) => Promise<void>
  /** Switched off on site. */
  readonly isPaused: () => boolean
  /** By the rules of this site; a WebSocket is the method `WEBSOCKET`. */
  readonly forbids: (
    device: AgentDevice,
    request: Extract<Act, { readonly method: string }>,
  ) => ErrorCode | undefined
  readonly onPong: (payload: Uint8Array) => void
  readonly log: Logger
}

export class TunnelServer {
  readonly #deps: TunnelDeps
  readonly #streams: TunnelStreams
  readonly #pools: DevicePools
  /** Ids only rise within an epoch: a request that comes twice must not reach the device twice. */
  #lastStreamId = 0
  #epoch = ''

  constructor(deps: TunnelDeps) {
    this.#deps = deps
    this.#streams = new TunnelStreams(new TunnelWay(deps.send, deps.drained))
    this.#pools = new DevicePools(deps.policy)
  }

  get streamCount(): number {
    return this.#streams.size
  }

  receive(bytes: Uint8Array): void {
    try {
      const frame = decodeFrame(bytes)
      if (frame.streamId === 0) this.#control(frame)
      else if (frame.streamId > this.#lastStreamId) this.#open(frame)
      else this.#streams.get(frame.streamId)?.receive(frame)
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'frame refused')
    }
  }

  /** The data connection was lost, or a new epoch began. */
  reset(): void {
    this.#streams.fail(ResetCode.lost, 'epoch ended')
    this.#lastStreamId = 0
  }

  /** The device list changed. */
  devicesChanged(devices: readonly AgentDevice[]): void {
    this.#pools.prune(devices)
  }

  /** Ends every stream that is open; the other end learns why. */
  cut(code: ResetCode): void {
    this.#streams.reset(code)
  }

  async stop(): Promise<void> {
    this.cut(ResetCode.agentStopping)
    await this.#pools.close()
  }

  #control(frame: Frame): void {
    if (frame.type === FrameType.ping && (frame.flags & Flag.pong) !== 0) {
      this.#deps.onPong(frame.payload)
    } else if (frame.type === FrameType.hello) {
      const { epoch } = decodeHello(frame.payload)
      // A node that has not heard the answer says it again.
      if (epoch !== this.#epoch) this.reset()
      this.#epoch = epoch
      this.#deps.send(encodeHello({ epoch, windowBytes: initialWindowBytes, maxFrameBytes }))
    } else if (frame.type === FrameType.credit) this.#streams.hear(frame.payload)
  }

  #open(frame: Frame): void {
    // A late frame of an epoch that is over.
    if (frame.type !== FrameType.request || frame.seq !== 0) return
    const { streamId } = frame
    this.#lastStreamId = streamId
    if (this.#deps.isPaused()) return this.#refuse(streamId, ResetCode.paused)
    if (this.#streams.size >= maxStreams) return this.#refuse(streamId, ResetCode.tooManyStreams)
    const stream = this.#streams.open(streamId)
    const failed = (error: unknown) => {
      this.#deps.log.debug({ err: error, streamId }, 'exchange ended early')
      stream.reset(resetCodeOf(error))
    }
    try {
      this.#serve(stream, stream.first(frame)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  #refuse(streamId: number, code: ResetCode): void {
    this.#deps.send(encodeReset(streamId, code))
  }

  #serve(stream: TunnelStream, first: Incoming): Promise<void> {
    const said = decodeHead(first.payload).head
    const { deviceOf, takeFile, forbids } = this.#deps
    if (!isRequestHead(said) && isBodyHead(said)) return takeFile(said.commandId, stream)
    const head = check(isRequestHead, said)
    const device = deviceOf(head.deviceId)
    if (!device) throw new StreamReset(ResetCode.deviceUnknown, 'no such device')
    const method = head.webSocket ? 'WEBSOCKET' : head.method
    const overriding = overridingMethods(head.headers)
    const forbidden = forbids(device, { method, overriding, port: head.port })
    if (forbidden) throw new TravessiaError(forbidden)
    const grant = this.#deps.grantOf(head)
    // Not a wait for what is known: most requests of a session name the same grant.
    return grant instanceof Promise
      ? grant.then((one) => this.#granted(stream, head, { device, grant: one }))
      : this.#granted(stream, head, { device, grant })
  }

  #granted(
    stream: TunnelStream,
    head: RequestHead,
    { device, grant }: { device: AgentDevice; grant: Grant },
  ): Promise<void> {
    if (grant.access === 'readonly' && !isReadOnly(device.driver, askedOf(head)))
      throw new StreamReset(ResetCode.readOnly, 'read only')
    // At its own port only: what else listens there is not what the credentials are for.
    const isSigned = grant.signIn && head.port === undefined
    if (isSigned || head.camera)
      return this.#serveSpecial(stream, head, { device, grant, isSigned })
    return this.#forward(stream, head, { device, signer: undefined })
  }

  async #serveSpecial(
    stream: TunnelStream,
    head: RequestHead,
    { device, grant, isSigned }: { device: AgentDevice; grant: Grant; isSigned: boolean },
  ): Promise<void> {
    const signer = isSigned
      ? (await this.#deps.signerOf(device))?.of(grant.sessionId ?? '')
      : undefined
    const { camera } = head
    if (!camera) return this.#forward(stream, head, { device, signer })
    // Its length is the viewing's, not the device's.
    const { eye } = await this.#deps.driverFor(device)
    if (!eye) return stream.reset(ResetCode.targetForbidden, 'no camera')
    return serveCamera(stream, { ...head, camera }, { device, eye, pools: this.#pools })
  }

  #forward(
    stream: TunnelStream,
    head: RequestHead,
    { device, signer }: { device: AgentDevice; signer: Signer | undefined },
  ): Promise<void> {
    const { policy } = this.#deps
    const serving = head.webSocket
      ? serveWebSocket(stream, head, { device, policy, signer })
      : serveHttp(stream, head, { device, pools: this.#pools, signer })
    const { totalMs = 0 } = head.timeouts
    return totalMs === 0 ? serving : withinTotal(stream, totalMs, serving)
  }
}

/** The device's total limit, if it has one, ends the exchange however busy it is. */
async function withinTotal(
  stream: TunnelStream,
  totalMs: number,
  serving: Promise<void>,
): Promise<void> {
  const timer = setTimeout(() => stream.reset(ResetCode.totalTimeout), totalMs)
  await serving.finally(() => clearTimeout(timer))
}

function askedOf({ method, path, headers, bodyBytes = 0, webSocket, port }: RequestHead) {
  const others = { isWebSocket: webSocket !== undefined, isOtherPort: port !== undefined }
  return { method, path, headers, hasBody: bodyBytes !== 0, ...others }
}

const resetCodes: Readonly<Record<string, ResetCode>> = {
  TARGET_FORBIDDEN: ResetCode.targetForbidden,
  POLICY_FORBIDS: ResetCode.policyForbids,
  POLICY_HOURS: ResetCode.policyHours,
  DEVICE_UNREACHABLE: ResetCode.deviceUnreachable,
  DEVICE_PROTOCOL: ResetCode.deviceProtocol,
  GRANT_REFUSED: ResetCode.grantRefused,
  DEVICE_SIGN_IN_REFUSED: ResetCode.signInRefused,
  MESSAGE_INVALID: ResetCode.protocol,
  FRAME_INVALID: ResetCode.protocol,
  UND_ERR_HEADERS_TIMEOUT: ResetCode.firstByteTimeout,
  UND_ERR_BODY_TIMEOUT: ResetCode.idleTimeout,
  UND_ERR_CONNECT_TIMEOUT: ResetCode.deviceUnreachable,
  UND_ERR_SOCKET: ResetCode.deviceClosed,
  UND_ERR_HEADERS_OVERFLOW: ResetCode.deviceProtocol,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ResetCode.deviceProtocol,
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: ResetCode.protocol,
  UND_ERR_INVALID_ARG: ResetCode.protocol,
  ECONNRESET: ResetCode.deviceClosed,
  ECONNREFUSED: ResetCode.deviceUnreachable,
}

function resetCodeOf(error: unknown): ResetCode {
  if (error instanceof TravessiaError) return resetCodes[error.code] ?? ResetCode.protocol
  if (error instanceof StreamReset) return error.code as ResetCode
  // Not every `code` is a text: an abort has 20.
  const { code, name } = error as { code?: unknown; name?: string }
  const text = typeof code === 'string' ? code : ''
  if (name === 'HTTPParserError' || text.startsWith('HPE_')) return ResetCode.deviceProtocol
  return resetCodes[text] ?? ResetCode.deviceClosed
}
