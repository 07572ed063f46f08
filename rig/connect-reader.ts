/** Which of an agent's two MQTT connections this is, read from the client id in the CONNECT inside its WebSocket. */

export type LineKind = 'control' | 'data'

const maxHeadBytes = 16 * 1024

export class ConnectReader {
  #seen: Buffer | undefined = Buffer.alloc(0)
  kind: LineKind | undefined

  /** What the agent says, from its first byte on. */
  read(chunk: Buffer): void {
    if (!this.#seen) return
    this.#seen = Buffer.concat([this.#seen, chunk])
    const clientId = clientIdOf(mqttBytes(this.#seen))
    if (clientId !== undefined) this.kind = clientId.endsWith('-d') ? 'data' : 'control'
    if (clientId !== undefined || this.#seen.length > maxHeadBytes) this.#seen = undefined
  }
}

/** The payloads of the WebSocket frames behind the upgrade request, as far as they are there [RFC 6455 5.2]. */
function mqttBytes(seen: Buffer): Buffer {
  const payloads: Buffer[] = []
  const head = seen.indexOf('\r\n\r\n')
  let at = head < 0 ? seen.length : head + 4
  while (at + 6 <= seen.length) {
    const short = (seen[at + 1] ?? 0) & 0x7f
    if (short === 127) break
    const start = at + (short === 126 ? 4 : 2)
    const length = short === 126 ? seen.readUInt16BE(at + 2) : short
    const [mask, data] = [seen.subarray(start, start + 4), seen.subarray(start + 4)]
    payloads.push(data.subarray(0, length).map((byte, i) => byte ^ (mask[i % 4] ?? 0)) as Buffer)
    at = start + 4 + length
  }
  return Buffer.concat(payloads)
}

/** [MQTT-3.1]: type, remaining length, protocol name, level, flags, keepalive, client id. */
function clientIdOf(mqtt: Buffer): string | undefined {
  const name = mqtt.indexOf('\0\u0004MQTT')
  const at = name + 10
  if (mqtt[0] !== 0x10 || name < 0 || mqtt.length < at + 2) return undefined
  const end = at + 2 + mqtt.readUInt16BE(at)
  return mqtt.length < end ? undefined : mqtt.toString('utf8', at + 2, end)
}
