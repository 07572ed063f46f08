/**
 * What a tunnel of the same parts costs that promises nothing: node:http in front, one TCP connection, undici at the
 * device. No session, policy, grant, fact, digest, flow control or end of anything that breaks off: a bound for small answers, not a
 * tool. A frame is its length, the exchange, whether it is the last one, the length of a head in JSON, the head, bytes.
 */
import type { Socket } from 'node:net'

export type BareFrame = {
  readonly id: number
  readonly isLast: boolean
  /** In JSON; empty in all but the first. */
  readonly head: string
  readonly body: Uint8Array
}

const fixedBytes = 13
export const perHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host'])

/** Frames of one turn of the event loop go in one write. */
export function bareWriter(socket: Socket): (frame: BareFrame) => void {
  let waiting: Uint8Array[] = []
  return (frame) => {
    if (waiting.length === 0)
      setImmediate(() => {
        socket.write(waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting))
        waiting = []
      })
    waiting.push(bytesOf(frame))
  }
}

function bytesOf({ id, isLast, head, body }: BareFrame): Uint8Array {
  const bytes = Buffer.allocUnsafe(fixedBytes + head.length + body.length)
  bytes.writeUInt32BE(bytes.length, 0)
  bytes.writeUInt32BE(id, 4)
  bytes.writeUInt8(isLast ? 1 : 0, 8)
  bytes.writeUInt32BE(head.length, 9)
  bytes.write(head, fixedBytes, 'latin1')
  bytes.set(body, fixedBytes + head.length)
  return bytes
}

export function readBareFrames(socket: Socket, take: (frame: BareFrame) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= fixedBytes && rest.length >= rest.readUInt32BE(0)) {
      const end = rest.readUInt32BE(0)
      const bodyAt = fixedBytes + rest.readUInt32BE(9)
      take({
        ...{ id: rest.readUInt32BE(4), isLast: rest.readUInt8(8) === 1 },
        ...{ head: rest.toString('latin1', fixedBytes, bodyAt), body: rest.subarray(bodyAt, end) },
      })
      rest = rest.subarray(end)
    }
  })
}
