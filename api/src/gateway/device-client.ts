/** One device, through its agent or directly: the same for every caller. */
import type { Readable } from 'node:stream'
import type { RequestHead } from '@travessia/schemas/tunnel-head'
import type { AnswerHead } from './answer-head.ts'
import type { Leaving } from './departure.ts'

export type DeviceRequest = Omit<RequestHead, 'deviceId' | 'grant' | 'webSocket'> & {
  readonly body?: Readable | undefined
  /** Aborts the request at the device. */
  readonly signal: Leaving
}

export type DeviceResponse = {
  readonly status: number
  /** Flat `[name, value, …]`, as the device sent them, checked for control characters. */
  readonly headers: readonly string[]
  /** The same, and what is known of it. */
  readonly head: AnswerHead
  readonly body: DeviceBody
  /** The body, when it came whole with the head; `body` is the same bytes, for who wants them in pieces. */
  readonly whole?: Uint8Array
}

/** Throws a TravessiaError when the device or the tunnel broke off; never ends short. Read once, or destroyed. */
export type DeviceBody = AsyncIterable<Uint8Array> & { destroy(): void }

/** A WebSocket to the device. Sends resolve when the bytes are on their way within the credit. */
export type DeviceSocket = {
  readonly protocol: string
  send(data: Uint8Array, isBinary: boolean): Promise<void>
  /** The next message is not read before the listener's promise resolves. */
  onMessage(listener: (data: Uint8Array, isBinary: boolean) => Promise<void>): void
  onClose(listener: (code: number, reason: string) => void): void
  /** After what was sent before. */
  close(code: number, reason: string): void
  /** At once: what has not left yet is dropped. */
  cut(code: number, reason: string): void
}

export type SocketRequest = Omit<DeviceRequest, 'body' | 'bodyBytes' | 'method'> & {
  readonly protocols: readonly string[]
}

/**
 * All reject with TravessiaError: AGENT_OFFLINE, DEVICE_UNREACHABLE, DEVICE_TIMEOUT, DEVICE_PROTOCOL,
 * TARGET_FORBIDDEN, TUNNEL_LOST, TUNNEL_BUSY.
 */
export interface DeviceClient {
  request(request: DeviceRequest): Promise<DeviceResponse>
  /** Resolves with the device's answer when it refuses the upgrade. */
  openWebSocket(request: SocketRequest): Promise<DeviceSocket | DeviceResponse>
}
