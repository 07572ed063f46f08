/**
 * The byte stream under the data connection. mqtt.js speaks MQTT through it as through a socket; the packets that
 * carry tunnel frames pass beside mqtt.js, which would copy and describe each of them.
 */
import { Duplex } from 'node:stream'
import { FrameBatch } from '@travessia/schemas/frame-batch'
import { isId } from '@travessia/schemas/ids'
import { PublishTap } from '@travessia/schemas/publish-packet'
import { type AgentAddress, formatTopic, framePrefix } from '@travessia/schemas/topics'
import { maxFrameBytes } from '@travessia/schemas/tunnel-frame'

const nodeIdBytes = 26
/** With fixed header and topic. */
const maxPacketBytes = maxFrameBytes + 256

export class FrameStream extends Duplex {
  readonly #agent: AgentAddress
  readonly #socket: Duplex
  readonly #batch: FrameBatch
  /** Per node. */
  readonly #topics = new Map<string, Uint8Array>()

  /** @param take gets a view of bytes that are not used again */
  constructor(
    agent: AgentAddress,
    socket: Duplex,
    take: (nodeId: string, frame: Uint8Array) => void,
  ) {
    super({ allowHalfOpen: false })
    this.#agent = agent
    this.#socket = socket
    this.#batch = new FrameBatch(socket, setImmediate)
    const tap = new PublishTap(
      { prefix: Buffer.from(framePrefix(agent, 'down')), suffixBytes: nodeIdBytes, maxPacketBytes },
      {
        frame: (frame, suffix) => {
          const nodeId = Buffer.from(suffix).toString('latin1')
          if (isId(nodeId)) take(nodeId, frame)
        },
        rest: (bytes) => {
          if (!this.push(bytes)) socket.pause()
          return !this.destroyed
        },
      },
    )
    socket.on('data', (chunk: Buffer) => tap.read(chunk))
    socket.on('drain', () => this.emit('framesDrained'))
    socket.once('end', () => this.push(null))
    socket.once('close', () => this.destroy())
    socket.on('error', (error) => this.destroy(error))
  }

  /** What has not left this process. */
  get waitingBytes(): number {
    return this.#batch.bytes + this.#socket.writableLength
  }

  /** The frame must not change any more. */
  send(nodeId: string, frame: Uint8Array): void {
    this.#batch.add(this.#topicTo(nodeId), frame)
  }

  #topicTo(nodeId: string): Uint8Array {
    const known = this.#topics.get(nodeId)
    if (known) return known
    const { tenantId, agentId } = this.#agent
    const topic = Buffer.from(formatTopic({ tenantId, agentId, channel: 'up', nodeId }))
    this.#topics.set(nodeId, topic)
    return topic
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#batch.flush()
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, done: (error?: Error | null) => void): void {
    this.#batch.flush()
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
