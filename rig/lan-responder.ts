/** A LAN of the test's own: answers mDNS and SSDP questions on the multicast groups, by the loopback interface. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

export type Announced = {
  /** Such as `_http._tcp`. */
  readonly service: string
  readonly instance: string
  readonly address: string
  readonly port: number
}
type Ports = { readonly mdnsPort?: number; readonly ssdpPort?: number }
export type LanOptions = Ports & {
  readonly announced?: readonly Announced[]
  /** Whole SSDP answers. */
  readonly ssdp?: readonly string[]
  /** Packets that are sent to whoever asks, whatever they are. */
  readonly rubbish?: readonly Uint8Array[]
}
export type Lan = {
  readonly mdnsPort: number
  readonly ssdpPort: number
  /** Questions that were heard, by group. */
  readonly asked: { mdns: number; ssdp: number }
  stop(): Promise<void>
}

const loopback = '127.0.0.1'

export async function startLan(options: LanOptions): Promise<Lan> {
  const { announced = [], ssdp = [], rubbish = [], mdnsPort = 5_353, ssdpPort = 1_900 } = options
  const asked = { mdns: 0, ssdp: 0 }
  const mdns = await join('224.0.0.251', mdnsPort, (question, send) => {
    asked.mdns += 1
    for (const packet of rubbish) send(packet)
    for (const one of announced)
      if (question.includes(labelsOf(one.service))) send(answerFor(one, question.readUInt16BE(0)))
  })
  const upnp = await join('239.255.255.250', ssdpPort, (question, send) => {
    if (!question.toString().startsWith('M-SEARCH * HTTP/1.1\r\n')) return
    asked.ssdp += 1
    for (const text of ssdp) send(Buffer.from(text))
  })
  return {
    ...{ asked, mdnsPort: mdns.address().port, ssdpPort: upnp.address().port },
    async stop() {
      for (const socket of [mdns, upnp]) await new Promise<void>((done) => socket.close(done))
    },
  }
}

async function join(
  group: string,
  port: number,
  answer: (question: Buffer, send: (packet: Uint8Array) => void) => void,
): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.on('message', (question: Buffer, { address, port: to }: RemoteInfo) =>
    answer(question, (packet) => socket.send(packet, to, address)),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, resolve)
  })
  socket.addMembership(group, loopback)
  return socket
}

export function ssdpAnswer(location: string, server: string): string {
  return ['HTTP/1.1 200 OK', 'CACHE-CONTROL: max-age=1800', 'EXT:', `LOCATION: ${location}`]
    .concat([`SERVER: ${server}`, 'ST: upnp:rootdevice', 'USN: uuid:1::upnp:rootdevice', '', ''])
    .join('\r\n')
}

/** As responders write it: PTR, SRV and A, the names of which point back into the packet. */
export function answerFor({ service, instance, address, port }: Announced, id = 0): Buffer {
  const head = words(id, 0x8400, 0, 1, 0, 2)
  const owner = labelsOf(`${service}.local`)
  const ownerAt = head.length
  const label = Buffer.concat([bytes(Buffer.byteLength(instance)), Buffer.from(instance)])
  const instanceAt = ownerAt + owner.length + 10
  const pointer = Buffer.concat([owner, field(12, Buffer.concat([label, to(ownerAt)]))])
  const host = labelsOf(`host-${port}.local`)
  const hostAt = instanceAt + label.length + 2 + 2 + 10 + 6
  const place = Buffer.concat([to(instanceAt), field(33, Buffer.concat([words(0, 0, port), host]))])
  const home = Buffer.concat([to(hostAt), field(1, bytes(...address.split('.').map(Number)))])
  return Buffer.concat([head, pointer, place, home])
}

function labelsOf(name: string): Buffer {
  const written = name.split('.').map((label) => {
    const text = Buffer.from(label)
    return Buffer.concat([bytes(text.length), text])
  })
  return Buffer.concat(name.endsWith('.local') ? [...written, bytes(0)] : written)
}

/** Type, class, time to live and content of a record. */
function field(type: number, content: Buffer): Buffer {
  return Buffer.concat([words(type, 0x8001, 0, 120, content.length), content])
}

function to(offset: number): Buffer {
  return words(0xc000 | offset)
}

function words(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => bytes(value >> 8, value & 0xff)))
}

function bytes(...values: number[]): Buffer {
  return Buffer.from(values)
}
