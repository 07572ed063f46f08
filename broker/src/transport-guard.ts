/**
 * Stands between the socket and the MQTT parser, which has no limits of its own: size, rate,
 * valid UTF-8, packet ids. It looks at heads only and passes the bytes on as they came; a packet that breaks
 * a rule ends the connection before its last byte reaches the parser.
 */
import { Duplex } from 'node:stream'
import { PublishTap } from '@travessia/schemas/publish-packet'
import { type PacketLimits, PacketScanner } from './packet-scanner.ts'

/** Before a WebSocket message of a client; with a ping there too, whose pong may still wait, it is more. */
const maxHeadBytes = 14

export type GuardLimits = PacketLimits & {
  readonly connectTimeoutMs: number
  readonly bytesPerSecond: number
  /** PUBLISH of a data connection or a node. */
  readonly framesPerSecond: number
  /** Everything else, and everything of a control connection. */
  readonly packetsPerSecond: number
}

export const defaultLimits: GuardLimits = {
  maxConnectBytes: 4 * 1024,
  maxPacketBytes: 64 * 1024,
  connectTimeoutMs: 5_000,
  bytesPerSecond: 2048 * 1024 * 1024,
  framesPerSecond: 30_000,
  packetsPerSecond: 500,
}

/** The guarded connection that Aedes gets in place of the socket. */
export class TransportGuard extends Duplex {
  readonly #socket: Duplex
  readonly #scanner: PacketScanner
  readonly #limits: GuardLimits
  readonly #connectTimer: NodeJS.Timeout
  #tap: PublishTap | undefined
  #isTapping = false
  #isBulk = false
  #second = 0
  #bytes = 0
  #frames = 0
  #others = 0

  constructor(socket: Duplex, limits: GuardLimits) {
    super({ allowHalfOpen: false, autoDestroy: true })
    this.#socket = socket
    this.#limits = limits
    this.#scanner = new PacketScanner(limits)
    const late = () => this.destroy(new Error('CONNECT did not arrive in time'))
    this.#connectTimer = setTimeout(late, limits.connectTimeoutMs)
    socket.on('data', (chunk: Buffer) => this.#received(chunk))
    socket.once('end', () => this.push(null))
    socket.once('close', () => this.destroy())
    socket.on('error', (error) => this.destroy(error))
  }

  /** CONNACK was sent: from now on the limits of a session hold, those of tunnel frames if it `carriesFrames`. */
  connected(carriesFrames: boolean): void {
    clearTimeout(this.#connectTimer)
    this.#scanner.isConnected = true
    this.#isBulk = carriesFrames
  }

  /** From the next packet on, frames under this topic go to `take` and not to Aedes; other packets as before. */
  tap(topic: string, take: (frame: Uint8Array) => void): void {
    const outlet = {
      frame: (frame: Uint8Array) => {
        if (!this.destroyed && this.#mayGoOn(0, 1, 0)) take(frame)
      },
      rest: (bytes: Uint8Array) => this.#pass(bytes),
    }
    const { maxPacketBytes } = this.#limits
    this.#tap = new PublishTap(
      { prefix: Buffer.from(topic), suffixBytes: 0, maxPacketBytes, maxHeadBytes },
      outlet,
    )
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, done: (error?: Error | null) => void): void {
    this.#socket.cork()
    chunks.forEach(({ chunk }, index) => {
      if (index === chunks.length - 1) this.#socket.write(chunk, done)
      else this.#socket.write(chunk)
    })
    this.#socket.uncork()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#connectTimer)
    this.#socket.destroy()
    done(error)
  }

  #received(chunk: Buffer): void {
    if (this.destroyed || !this.#mayGoOn(chunk.length, 0, 0)) return
    // CONNACK may be sent while the client is in the middle of its next packet.
    if (this.#scanner.isBetweenPackets) this.#isTapping ||= this.#tap !== undefined
    if (this.#isTapping) this.#tap?.read(chunk)
    else this.#pass(chunk)
  }

  /** To Aedes. @returns false: the connection is over */
  #pass(bytes: Uint8Array): boolean {
    if (this.destroyed) return false
    const { frames, others } = this.#scanner
    const problem = this.#scanner.scan(bytes)
    if (problem) this.destroy(new Error(problem))
    if (!this.#mayGoOn(0, this.#scanner.frames - frames, this.#scanner.others - others))
      return false
    if (!this.push(bytes)) this.#socket.pause()
    return true
  }

  /** Counts what came. @returns false: it was too much, and the connection is over */
  #mayGoOn(bytes: number, frames: number, others: number): boolean {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#bytes = 0
      this.#frames = 0
      this.#others = 0
    }
    this.#bytes += bytes
    this.#frames += frames
    this.#others += others
    const { bytesPerSecond, framesPerSecond, packetsPerSecond } = this.#limits
    const isOver =
      this.#bytes > bytesPerSecond ||
      this.#frames > (this.#isBulk ? framesPerSecond : packetsPerSecond) ||
      this.#others > packetsPerSecond
    if (isOver) this.destroy(new Error('too much in one second'))
    return !this.destroyed
  }
}
