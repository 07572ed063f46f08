/**
 * Reads the heads of MQTT packets from a byte stream, for what the parser does not check: size, valid UTF-8, packet
 * ids, one CONNECT, one filter per packet.
 */

/** Sizes with the fixed header. */
export type PacketLimits = {
  /** Until CONNACK. */
  readonly maxConnectBytes: number
  readonly maxPacketBytes: number
}

const connect = 1
const publish = 3
const puback = 4
const pubcomp = 7
const subscribe = 8
const unsubscribe = 10
/** Topics of ours are far shorter; filters come in packets of one. */
export const maxTextBytes = 512
const maxHeadBytes = 4 * 1024
const decoder = new TextDecoder('utf-8', { fatal: true })

/** One connection's worth of bytes, in any slicing. */
export class PacketScanner {
  readonly #limits: PacketLimits
  isConnected = false
  /** PUBLISH packets so far, and all others. */
  frames = 0
  others = 0
  #head: number[] = []
  #left = 0
  #wanted = 0
  #body: number[] = []
  #type = 0
  #flags = 0
  #hasConnect = false

  constructor(limits: PacketLimits) {
    this.#limits = limits
  }

  get isBetweenPackets(): boolean {
    return this.#left === 0 && this.#head.length === 0
  }

  /** @returns what is wrong, undefined: nothing so far. The connection is over at the first problem. */
  scan(chunk: Uint8Array): string | undefined {
    let offset = 0
    while (offset < chunk.length) {
      if (this.#left === 0) {
        const problem = this.#fixedHeader(chunk[offset] ?? 0)
        if (problem) return problem
        offset += 1
        continue
      }
      const inspect = Math.min(this.#wanted - this.#body.length, this.#left, chunk.length - offset)
      if (inspect > 0) {
        for (const byte of chunk.subarray(offset, offset + inspect)) this.#body.push(byte)
        this.#left -= inspect
        offset += inspect
        const problem = this.#inspect()
        if (problem) return problem
        continue
      }
      const skip = Math.min(this.#left, chunk.length - offset)
      this.#left -= skip
      offset += skip
    }
    return undefined
  }

  #fixedHeader(byte: number): string | undefined {
    this.#head.push(byte)
    if (this.#head.length === 1) {
      this.#type = byte >> 4
      this.#flags = byte & 15
      if (!this.#hasConnect && this.#type !== connect) return 'first packet is not CONNECT'
      if (this.#hasConnect && this.#type === connect) return 'second CONNECT'
      return undefined
    }
    if (byte >= 128) return this.#head.length === 5 ? 'remaining length' : undefined
    const length = this.#head.slice(1).reduce((sum, part, i) => sum + (part & 127) * 128 ** i, 0)
    const limit = this.isConnected ? this.#limits.maxPacketBytes : this.#limits.maxConnectBytes
    if (length + this.#head.length > limit) return 'packet too large'
    if (this.#type === publish) this.frames += 1
    else this.others += 1
    this.#hasConnect = true
    this.#head = []
    this.#left = length
    this.#body = []
    this.#wanted = this.#bytesToInspect(length)
    return undefined
  }

  #bytesToInspect(length: number): number {
    switch (this.#type) {
      case connect:
      case subscribe:
      case unsubscribe:
        return Math.min(length, maxHeadBytes)
      default:
        return this.#type >= publish && this.#type <= pubcomp ? Math.min(2, length) : 0
    }
  }

  /** Called when as many bytes of the body are there as were wanted, or the packet is over. */
  #inspect(): string | undefined {
    if (this.#body.length < this.#wanted) return undefined
    const bytes = Uint8Array.from(this.#body)
    if (this.#type === publish) return this.#inspectPublish(bytes)
    if (this.#type >= puback && this.#type <= pubcomp)
      return uint16(bytes, 0) === 0 ? 'packet id 0' : undefined
    return this.#left > 0 ? 'head too large' : textProblem(bytes, this.#type)
  }

  #inspectPublish(bytes: Uint8Array): string | undefined {
    const topicBytes = uint16(bytes, 0)
    const hasPacketId = (this.#flags & 6) > 0
    const whole = 2 + topicBytes + (hasPacketId ? 2 : 0)
    if (bytes.length < whole) {
      if (topicBytes > maxTextBytes || whole - bytes.length > this.#left) return 'topic too long'
      this.#wanted = whole
      return undefined
    }
    if (hasPacketId && uint16(bytes, whole - 2) === 0) return 'packet id 0'
    return isText(bytes.subarray(2, 2 + topicBytes)) ? undefined : 'topic is not UTF-8'
  }
}

function uint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
}

/** Checks the strings of CONNECT, SUBSCRIBE and UNSUBSCRIBE; what is not a string is left to the parser. */
function textProblem(bytes: Uint8Array, type: number): string | undefined {
  if (type === connect) {
    const levelAt = 2 + uint16(bytes, 0)
    // Other versions have another form; Aedes refuses them with CONNACK 1 [MQTT-3.1.2-2]. The first bit marks bridges.
    const level = (bytes[levelAt] ?? 0) & 127
    if (level !== 3 && level !== 4) return undefined
    return stringAt(bytes, levelAt + 4) === undefined ? 'client id' : undefined
  }
  if (uint16(bytes, 0) === 0) return 'packet id 0'
  const first = stringAt(bytes, 2)
  if (first === undefined) return 'filter'
  const end = 2 + 2 + first + (type === subscribe ? 1 : 0)
  return end === bytes.length ? undefined : 'one filter per packet'
}

/** Length of the string at `offset`; undefined when it is cut short or not clean UTF-8. */
function stringAt(bytes: Uint8Array, offset: number): number | undefined {
  if (offset + 2 > bytes.length) return undefined
  const length = uint16(bytes, offset)
  const text = bytes.subarray(offset + 2, offset + 2 + length)
  return text.length === length && length <= maxTextBytes && isText(text) ? length : undefined
}

/** [MQTT-1.5.3-1], [MQTT-1.5.3-2]: well-formed UTF-8 without U+0000. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false
  try {
    decoder.decode(bytes)
    return true
  } catch {
    return false
  }
}
