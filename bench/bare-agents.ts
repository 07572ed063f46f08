/**
 * Agents that only connect: both MQTT connections with a real token, subscribed, kept alive, dialled again by the
 * agent's own rules; no WebSocket, no heartbeat, no tunnel. Thousands fit beside the node that is measured.
 */
import { connect, type Socket } from 'node:net'
import { willPayload } from '@travessia/schemas/reports'
import { controlFilter, dataFilter, formatTopic } from '@travessia/schemas/topics'
import { reconnectDelayMs } from '../agent/src/dialled.ts'

const keepaliveSeconds = 30
const hurryMs = 2_000
const subscribeId = 1
const [connackType, publishType, subackType] = [2, 3, 9]

type Identity = {
  readonly tenantId: string
  readonly agentId: string
  readonly token: string
}

export class BareAgent {
  readonly #lines: readonly Line[]

  constructor(identity: Identity, mqttUrl: string) {
    const { tenantId, agentId, token } = identity
    const will = { topic: formatTopic({ tenantId, agentId, channel: 'status' }), text: willPayload }
    const common = { url: new URL(mqttUrl), user: agentId, password: token }
    this.#lines = [
      new Line({
        ...{ ...common, clientId: agentId, will, filter: controlFilter(identity), qos: 1 },
        up: () => this.#lines[1]?.hurry(),
      }),
      new Line({
        ...{ ...common, clientId: `${agentId}-d`, filter: dataFilter(identity), qos: 0 },
        up: () => this.#lines[0]?.hurry(),
      }),
    ]
  }

  /** Both connections are subscribed. */
  get isUp(): boolean {
    return this.#lines.every(({ isUp }) => isUp)
  }

  start(): void {
    for (const line of this.#lines) line.dial()
  }

  stop(): void {
    for (const line of this.#lines) line.stop()
  }
}

type LineOptions = Greeting & {
  readonly url: URL
  readonly filter: string
  readonly qos: 0 | 1
  readonly up: () => void
}

class Line {
  readonly #options: LineOptions
  isUp = false
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #hurryTimer: NodeJS.Timeout | undefined
  #pingTimer: NodeJS.Timeout | undefined
  #attempt = 0
  #downSince = performance.now()
  #isWanted = true

  constructor(options: LineOptions) {
    this.#options = options
  }

  dial(): void {
    const { url } = this.#options
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    this.#socket = socket
    socket.once('connect', () => socket.write(connectPacket(this.#options)))
    socket.on(
      'data',
      packetReader((first, body) => this.#take(first, body)),
    )
    socket.on('error', () => undefined)
    socket.once('close', () => {
      if (this.#socket === socket) this.#dialAgain()
    })
  }

  hurry(): void {
    clearTimeout(this.#hurryTimer)
    if (!this.#socket) return this.#redial()
    this.#hurryTimer = setTimeout(() => {
      if (!this.isUp) this.#redial()
    }, hurryMs)
  }

  stop(): void {
    this.#isWanted = false
    for (const timer of [this.#timer, this.#hurryTimer]) clearTimeout(timer)
    clearInterval(this.#pingTimer)
    this.#socket?.destroy()
  }

  #take(first: number, body: Buffer): void {
    const { filter, qos, up } = this.#options
    const type = first >> 4
    if (type === connackType && body[1] === 0) this.#socket?.write(subscribePacket(filter, qos))
    if (type === publishType) this.#acknowledge(first, body)
    if (type !== subackType) return
    this.isUp = true
    this.#attempt = 0
    this.#pingTimer = setInterval(
      () => this.#socket?.write(Buffer.from([0xc0, 0])),
      keepaliveSeconds * 1000,
    )
    up()
  }

  #acknowledge(first: number, body: Buffer): void {
    if ((first & 0b110) === 0) return
    const at = 2 + body.readUInt16BE(0)
    this.#socket?.write(Buffer.concat([Buffer.from([0x40, 2]), body.subarray(at, at + 2)]))
  }

  #redial(): void {
    if (!this.#isWanted) return
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
    this.#attempt = 0
    this.dial()
  }

  #dialAgain(): void {
    this.#socket = undefined
    clearInterval(this.#pingTimer)
    if (this.isUp) this.#downSince = performance.now()
    this.isUp = false
    if (!this.#isWanted) return
    const delay = reconnectDelayMs(this.#attempt, performance.now() - this.#downSince)
    this.#attempt += 1
    this.#timer = setTimeout(() => this.dial(), delay)
  }
}

type Greeting = {
  readonly clientId: string
  readonly user: string
  readonly password: string
  /** Only the control connection has one, and keeps its session. */
  readonly will?: { readonly topic: string; readonly text: string }
}

function connectPacket({ clientId, user, password, will }: Greeting): Buffer {
  const [userAndPassword, cleanSession, willQos1] = [0xc0, 0x02, 0x0c]
  const flags = userAndPassword | (will ? willQos1 : cleanSession)
  const keepalive = Buffer.from([0, keepaliveSeconds])
  const head = [text('MQTT'), Buffer.from([4, flags]), keepalive, text(clientId)]
  const last = will ? [text(will.topic), text(will.text)] : []
  return packet(0x10, [...head, ...last, text(user), text(password)])
}

function subscribePacket(filter: string, qos: number): Buffer {
  return packet(0x82, [Buffer.from([0, subscribeId]), text(filter), Buffer.from([qos])])
}

function packet(first: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  for (let rest = body.length; length.length === 0 || rest > 0; rest >>= 7)
    length.push((rest & 127) | (rest > 127 ? 128 : 0))
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

/** Hands on whole packets: first byte, and what follows the length. */
function packetReader(take: (first: number, body: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  return (chunk) => {
    held = Buffer.concat([held, chunk])
    for (;;) {
      const head = headOf(held)
      if (!head || held.length < head.end) return
      take(head.first, held.subarray(head.at, head.end))
      held = held.subarray(head.end)
    }
  }
}

/** undefined: not there yet. */
function headOf(bytes: Buffer): { first: number; at: number; end: number } | undefined {
  let length = 0
  for (let at = 1; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    length |= (byte & 127) << (7 * (at - 1))
    if (byte < 128) return { first: bytes[0] ?? 0, at: at + 1, end: at + 1 + length }
  }
  return undefined
}
