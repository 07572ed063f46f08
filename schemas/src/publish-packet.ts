/**
 * MQTT 3.1.1 PUBLISH with QoS 0, written and read by hand: the one packet that carries tunnel frames. Both ends take
 * it out of the byte stream before a general parser would copy and describe it; every other packet is left to that
 * parser, byte for byte. The wire format is the one that any broker speaks.
 */
import { giveBack, shareBuffer } from './give-back.ts'

const publishQos0 = 0x30
const maxLengthBytes = 4

/** Fixed header and topic of a PUBLISH with QoS 0; its payload follows. */
export function publishHead(topic: Uint8Array, payloadBytes: number): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(publishHeadBytes(topic, payloadBytes))
  writePublishHead(head, 0, { topic, payloadBytes })
  return head
}

export function publishHeadBytes(topic: Uint8Array, payloadBytes: number): number {
  return 1 + lengthBytesOf(2 + topic.length + payloadBytes) + 2 + topic.length
}

/** @returns where the payload begins */
export function writePublishHead(
  into: Uint8Array,
  at: number,
  { topic, payloadBytes }: { readonly topic: Uint8Array; readonly payloadBytes: number },
): number {
  const remaining = 2 + topic.length + payloadBytes
  const lengthBytes = lengthBytesOf(remaining)
  into[at] = publishQos0
  for (let i = 1, left = remaining; i <= lengthBytes; i += 1, left >>>= 7)
    into[at + i] = (left & 127) | (i < lengthBytes ? 128 : 0)
  into[at + 1 + lengthBytes] = topic.length >> 8
  into[at + 2 + lengthBytes] = topic.length & 255
  into.set(topic, at + 3 + lengthBytes)
  return at + 3 + lengthBytes + topic.length
}

function lengthBytesOf(remaining: number): number {
  return remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4
}

type Wanted = {
  /** What the topic begins with. */
  readonly prefix: Uint8Array
  /** How many more bytes it has, exactly. */
  readonly suffixBytes: number
  /** With its fixed header; a longer packet is not taken. */
  readonly maxPacketBytes: number
  /** What may stand before a read in its buffer and is nobody's; where there is more, others have a part of it. Absent: nothing. */
  readonly maxHeadBytes?: number
}

type Outlet = {
  /** Views of bytes that are not used again. */
  frame(payload: Uint8Array, suffix: Uint8Array): void
  /** Bytes of all other packets, as they came. @returns false: the connection is over, nothing more is looked at */
  rest(bytes: Uint8Array): boolean
}

/** What a packet is, as far as it has come. */
type Kind = 'ours' | 'other' | 'undecided'
type Look = { readonly kind: Kind; readonly packetBytes: number; readonly topicAt: number }

const endless = { packetBytes: Number.POSITIVE_INFINITY, topicAt: 0 }
const undecided: Look = { kind: 'undecided', ...endless }
/** Not MQTT: all that follows is for the parser to refuse. */
const malformed: Look = { kind: 'other', ...endless }

/** Takes the wanted packets out of one direction of one connection, in any slicing; begins between two packets. */
export class PublishTap {
  readonly #wanted: Wanted
  readonly #outlet: Outlet
  /** The first bytes of a packet that may be ours: no more than its head. */
  #start: Uint8Array | undefined
  /** One of ours that is not whole yet. */
  #packet: { readonly bytes: Uint8Array; readonly topicAt: number; filled: number } | undefined
  /** What is still to come of another packet. */
  #otherLeft = 0
  /** How many have a view of the read. */
  #views = 0

  constructor(wanted: Wanted, outlet: Outlet) {
    this.#wanted = wanted
    this.#outlet = outlet
  }

  /** The bytes are the tap's from now on. */
  read(chunk: Uint8Array): void {
    this.#views = chunk.byteOffset > (this.#wanted.maxHeadBytes ?? 0) ? 1 : 0
    this.#split(this.#start ? joined(this.#start, chunk) : chunk)
    if (this.#views === 0) giveBack(chunk)
  }

  #split(bytes: Uint8Array): void {
    this.#start = undefined
    let at = this.#fill(bytes)
    let restFrom = at
    while (at < bytes.length) {
      const look = this.#otherLeft > 0 ? this.#goingOn : this.#look(bytes, at)
      const end = Math.min(at + look.packetBytes, bytes.length)
      if (look.kind === 'other') {
        this.#otherLeft = at + look.packetBytes - end
        at = end
        continue
      }
      if (restFrom < at && !this.#rest(bytes.subarray(restFrom, at))) return
      this.#take(bytes, at, look)
      at = end
      restFrom = end
    }
    if (restFrom < at) this.#rest(bytes.subarray(restFrom, at))
  }

  #rest(bytes: Uint8Array): boolean {
    this.#handOn(bytes)
    return this.#outlet.rest(bytes)
  }

  /** Who is done with a part must not give back what the others still have. */
  #handOn(bytes: Uint8Array): void {
    if (this.#views === 1) shareBuffer(bytes)
    this.#views += 1
  }

  get #goingOn(): Look {
    return { kind: 'other', packetBytes: this.#otherLeft, topicAt: 0 }
  }

  /** @returns how many bytes belonged to the packet that had begun */
  #fill(bytes: Uint8Array): number {
    const packet = this.#packet
    if (!packet) return 0
    const part = bytes.subarray(0, packet.bytes.length - packet.filled)
    packet.bytes.set(part, packet.filled)
    packet.filled += part.length
    if (packet.filled < packet.bytes.length) return part.length
    this.#packet = undefined
    this.#frame(packet.bytes, packet.topicAt, packet.bytes.length)
    return part.length
  }

  #take(bytes: Uint8Array, at: number, { kind, packetBytes, topicAt }: Look): void {
    if (kind === 'undecided') this.#start = bytes.slice(at)
    else if (bytes.length - at >= packetBytes) {
      this.#handOn(bytes)
      this.#frame(bytes, at + topicAt, at + packetBytes)
    } else this.#packet = begun(bytes.subarray(at), packetBytes, topicAt)
  }

  #frame(bytes: Uint8Array, topicAt: number, end: number): void {
    const suffixAt = topicAt + this.#wanted.prefix.length
    const payloadAt = suffixAt + this.#wanted.suffixBytes
    const suffix = payloadAt === suffixAt ? noSuffix : bytes.subarray(suffixAt, payloadAt)
    this.#outlet.frame(bytes.subarray(payloadAt, end), suffix)
  }

  /** At the packet that begins at `from`; `topicAt` counts from there. */
  #look(bytes: Uint8Array, from: number): Look {
    const { prefix, suffixBytes, maxPacketBytes } = this.#wanted
    let remaining = 0
    let at = 1
    for (; at <= maxLengthBytes; at += 1) {
      const byte = bytes[from + at]
      if (byte === undefined) return undecided
      remaining += (byte & 127) * 128 ** (at - 1)
      if (byte < 128) break
    }
    if (at > maxLengthBytes) return malformed
    const topicAt = at + 3
    const packetBytes = at + 1 + remaining
    const topicBytes = prefix.length + suffixBytes
    const other: Look = { kind: 'other', packetBytes, topicAt }
    if (bytes[from] !== publishQos0 || packetBytes > maxPacketBytes) return other
    if (packetBytes < topicAt + topicBytes) return other
    if (!this.#isTopic(bytes, from + topicAt)) return other
    const isHere = bytes.length - from >= topicAt + topicBytes
    return isHere ? { kind: 'ours', packetBytes, topicAt } : undecided
  }

  /** As far as it has come. */
  #isTopic(bytes: Uint8Array, topicAt: number): boolean {
    const { prefix, suffixBytes } = this.#wanted
    const topicBytes = prefix.length + suffixBytes
    const end = Math.min(bytes.length, topicAt + prefix.length)
    if (topicAt - 2 < end && bytes[topicAt - 2] !== topicBytes >> 8) return false
    if (topicAt - 1 < end && bytes[topicAt - 1] !== (topicBytes & 255)) return false
    for (let at = topicAt; at < end; at += 1) if (bytes[at] !== prefix[at - topicAt]) return false
    return true
  }
}

const noSuffix = new Uint8Array(0)

function begun(bytes: Uint8Array, packetBytes: number, topicAt: number) {
  const packet = new Uint8Array(packetBytes)
  packet.set(bytes)
  return { bytes: packet, topicAt, filled: bytes.length }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}
