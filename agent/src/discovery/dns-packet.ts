/**
 * The little of DNS that mDNS browsing needs (RFC 1035 4, RFC 6762 5.1). Packets come from anybody in the LAN: nothing
 * here throws, every length is checked, and a packet that is broken anywhere says nothing.
 */

/** `key` compares names (case apart), `first` is the first label as it was written. */
type DnsName = { readonly key: string; readonly first: string }
export type DnsRecord = { readonly name: DnsName } & (
  | { readonly type: 'PTR'; readonly target: DnsName }
  | { readonly type: 'SRV'; readonly target: DnsName; readonly port: number }
  | { readonly type: 'A'; readonly address: string }
)

const headBytes = 12
const maxPacketBytes = 9_000
const maxNameBytes = 255
/** Labels and pointers of a name; a service's has four labels. */
const maxNameParts = 16
const maxRecords = 64
const types: Readonly<Record<number, DnsRecord['type']>> = { 1: 'A', 12: 'PTR', 33: 'SRV' }
const typeNumbers = { A: 1, PTR: 12, SRV: 33 } as const

/** Labels never hold a NUL between them, so no two names share a key. */
export function keyOf(labels: readonly string[]): string {
  return labels.join('\0').toLowerCase()
}

/** One packet that asks for the pointers of all these names, such as `_http._tcp.local`. */
export function encodeQuery(names: readonly string[], packetId: number): Uint8Array {
  const head = Buffer.alloc(headBytes)
  head.writeUInt16BE(packetId, 0)
  head.writeUInt16BE(names.length, 4)
  const questions = names.map((name) => {
    const labels = name.split('.').map((label) => Buffer.from(label))
    const written = labels.flatMap((label) => [Buffer.from([label.length]), label])
    return Buffer.concat([...written, Buffer.from([0, 0, typeNumbers.PTR, 0, 1])])
  })
  return Buffer.concat([head, ...questions])
}

/** What an answer says, of all its sections. Empty: it is none, or broken. */
export function parseAnswer(packet: Uint8Array): readonly DnsRecord[] {
  if (packet.length < headBytes || packet.length > maxPacketBytes) return []
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const isAnswer = (view.getUint16(2) & 0x8000) !== 0
  const questions = view.getUint16(4)
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10)
  if (!isAnswer || questions + records > maxRecords) return []
  try {
    return new Reader(packet, view).records(questions, records)
  } catch (error) {
    if (error instanceof RangeError) return []
    throw error
  }
}

/** Beyond the packet or against the rules: RangeError, which `DataView` throws by itself. */
class Reader {
  readonly #packet: Uint8Array
  readonly #view: DataView
  #at = headBytes

  constructor(packet: Uint8Array, view: DataView) {
    this.#packet = packet
    this.#view = view
  }

  records(questions: number, count: number): DnsRecord[] {
    for (let i = 0; i < questions; i += 1) {
      this.#name()
      this.#at += 4
    }
    return Array.from({ length: count }, () => this.#record()).filter((one) => one !== undefined)
  }

  /** undefined: of a type that is not used here. */
  #record(): DnsRecord | undefined {
    const name = this.#name()
    const type = types[this.#view.getUint16(this.#at)]
    const bytes = this.#view.getUint16(this.#at + 8)
    const start = this.#at + 10
    const end = start + bytes
    if (end > this.#packet.length) throw new RangeError('record')
    this.#at = start
    const record = type && this.#content(name, type)
    if (this.#at > end) throw new RangeError('content')
    this.#at = end
    return record
  }

  #content(name: DnsName, type: DnsRecord['type']): DnsRecord {
    switch (type) {
      case 'A': {
        const address = [...this.#take(4)].join('.')
        return { name, type, address }
      }
      case 'PTR':
        return { name, type, target: this.#name() }
      case 'SRV': {
        const port = this.#view.getUint16(this.#at + 4)
        this.#at += 6
        return { name, type, port, target: this.#name() }
      }
    }
  }

  /** Each pointer leads further back than anything read for this name, so there is no loop. */
  #name(): DnsName {
    const labels: string[] = []
    let at = this.#at
    let oldest = at
    let after: number | undefined
    let bytes = 0
    for (let parts = 0; ; parts += 1) {
      const length = this.#view.getUint8(at)
      if (length === 0) break
      if (parts === maxNameParts) throw new RangeError('name')
      if (length >= 0xc0) {
        const target = this.#view.getUint16(at) & 0x3fff
        if (target >= oldest) throw new RangeError('pointer')
        after ??= at + 2
        oldest = target
        at = target
        continue
      }
      bytes += length + 1
      if (length > 63 || bytes > maxNameBytes || at + 1 + length > this.#packet.length)
        throw new RangeError('label')
      labels.push(textOf(this.#packet.subarray(at + 1, at + 1 + length)))
      at += 1 + length
    }
    this.#at = after ?? at + 1
    return { key: keyOf(labels), first: labels[0] ?? '' }
  }

  #take(count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#packet.length) throw new RangeError('bytes')
    const bytes = this.#packet.subarray(this.#at, end)
    this.#at = end
    return bytes
  }
}

const decoder = new TextDecoder()

function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes).replaceAll('\0', '\ufffd')
}
