/** MQTT 3.1.1 packets written by hand, also wrong ones, so that the tests share no parser with the code. */

type Text = string | Uint8Array

export function packet(firstByte: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([firstByte]), remainingLength(body.length), body])
}

export function remainingLength(length: number): Buffer {
  const bytes: number[] = []
  let left = length
  do {
    const more = left >= 128 ? 128 : 0
    bytes.push((left % 128) + more)
    left = Math.floor(left / 128)
  } while (left > 0)
  return Buffer.from(bytes)
}

export function text(value: Text): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint16(bytes.length), bytes])
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}

type ConnectFields = {
  readonly clientId: Text
  readonly level?: number
  readonly username?: Text
  readonly password?: string
  readonly clean?: boolean
  readonly keepalive?: number
  readonly will?: { readonly topic: string; readonly payload: string; readonly flags?: number }
}

export function connect(fields: ConnectFields): Buffer {
  const {
    clientId,
    level = 4,
    username,
    password = '',
    clean = true,
    keepalive = 30,
    will,
  } = fields
  const flags =
    (clean ? 2 : 0) + (username === undefined ? 0 : 192) + (will ? 4 + (will.flags ?? 8) : 0)
  return packet(
    ...([0x10, text('MQTT'), Buffer.from([level, flags]), uint16(keepalive)] as const),
    ...(level === 5 ? [Buffer.from([5, 17, 0, 0, 0, 60])] : []),
    text(clientId),
    ...(will ? [text(will.topic), text(will.payload)] : []),
    ...(username === undefined ? [] : [text(username), text(password)]),
  )
}

export function publish(topic: Text, payload: Uint8Array | string, qos = 0, id = 1): Buffer {
  const packetId = qos > 0 ? [uint16(id)] : []
  return packet(0x30 + qos * 2, text(topic), ...packetId, Buffer.from(payload))
}

export function subscribe(filters: readonly Text[], id = 1, qos = 0): Buffer {
  const wanted = filters.flatMap((filter) => [text(filter), Buffer.from([qos])])
  return packet(0x82, uint16(id), ...wanted)
}

export function unsubscribe(filters: readonly Text[], id = 1): Buffer {
  return packet(0xa2, uint16(id), ...filters.map(text))
}

export function puback(id: number): Buffer {
  return packet(0x40, uint16(id))
}

export const pingreq = Buffer.from([0xc0, 0])
