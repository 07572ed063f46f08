/**
 * What recorders of pages send, each whole before it is looked at: bounded one by one, by time, and over all sessions together.
 * A recorder of ours sends no more than the first; whatever else does is not owed an answer.
 */
import type { IncomingMessage } from 'node:http'
import { maxBatchBytes } from '@travessia/schemas/dom-recording'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { CopyRoom } from './body-copy.ts'

export const usual = { heldBytes: 32 * 1024 * 1024, withinMs: 60_000 }

export class BatchUploads {
  readonly #room: CopyRoom
  readonly #withinMs: number

  constructor({ heldBytes, withinMs } = usual) {
    this.#room = new CopyRoom(heldBytes)
    this.#withinMs = withinMs
  }

  /**
   * Its bytes count until `use` has ended.
   * @throws TravessiaError REQUEST_TOO_LARGE, NODE_BUSY (others hold all there is), TUNNEL_LOST (it broke off, or took too long)
   */
  async take(request: IncomingMessage, use: (text: Buffer) => Promise<void>): Promise<void> {
    let held = 0
    const hold = (bytes: number) => {
      const isTaken = this.#room.take(bytes)
      if (isTaken) held += bytes
      return isTaken
    }
    try {
      await use(await this.#read(request, hold))
    } finally {
      this.#room.give(held)
    }
  }

  async #read(request: IncomingMessage, hold: (bytes: number) => boolean): Promise<Buffer> {
    const length = Number(request.headers['content-length'] ?? maxBatchBytes)
    if (length > maxBatchBytes) throw new TravessiaError('REQUEST_TOO_LARGE')
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    // In one piece: as a list of chunks a byte could cost a hundred.
    const text = Buffer.allocUnsafeSlow(length)
    let size = 0
    const refuse = (code: ErrorCode) => {
      request.off('data', add)
      reject(new TravessiaError(code))
    }
    const cut = (code: ErrorCode) => {
      refuse(code)
      request.destroy()
    }
    const add = (chunk: Buffer) => {
      if (size + chunk.length > length) return cut('REQUEST_TOO_LARGE')
      if (!hold(chunk.length)) return refuse('NODE_BUSY')
      size += chunk.copy(text, size)
    }
    const broken = () => refuse('TUNNEL_LOST')
    const timer = setTimeout(cut, this.#withinMs, 'TUNNEL_LOST')
    request.on('data', add)
    request.once('end', () => resolve(text.subarray(0, size)))
    request.once('close', broken).once('error', broken)
    return promise.finally(() => clearTimeout(timer))
  }
}
