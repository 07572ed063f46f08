/** JSON-RPC 2.0 over one WebSocket: calls with a time limit, notifications, an end that ends every call. */
import type { WebSocket } from 'ws'
import { type Fields, fieldsOf, numberOf, parsed, textOf } from '../answers.ts'

export class RpcError extends Error {
  override readonly name = 'RpcError'
}

type Call = { resolve(result: unknown): void; reject(error: Error): void; timer: NodeJS.Timeout }

export class JsonRpc {
  readonly #socket: WebSocket
  readonly #answerMs: number
  readonly #calls = new Map<number, Call>()
  readonly closed: Promise<void>
  #lastId = 0

  constructor(
    socket: WebSocket,
    answerMs: number,
    notified: (method: string, params: readonly unknown[]) => void,
  ) {
    this.#socket = socket
    this.#answerMs = answerMs
    socket.on('message', (data) => {
      const message = fieldsOf(parsed(String(data)))
      const { method, params } = message
      if (typeof method === 'string') notified(method, Array.isArray(params) ? params : [])
      else this.#answered(message)
    })
    this.closed = new Promise((resolve) => {
      const end = () => {
        for (const id of this.#calls.keys()) this.#take(id)?.reject(new RpcError('closed'))
        resolve()
      }
      if (socket.readyState === socket.OPEN) socket.once('close', end)
      else end()
    })
  }

  /** @throws RpcError: refused, no answer in time, or the connection is gone */
  async call(method: string, params: object = {}): Promise<unknown> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      const giveUp = () => this.#take(id)?.reject(new RpcError('no answer'))
      this.#calls.set(id, { resolve, reject, timer: setTimeout(giveUp, this.#answerMs) })
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', method, params, id }), (error) => {
        if (error) this.#take(id)?.reject(new RpcError('not sent'))
      })
    })
  }

  /** At once: a device that hangs would not answer a close. */
  close(): void {
    this.#socket.terminate()
  }

  #answered({ id, error, result }: Fields): void {
    const call = this.#take(numberOf(id) ?? 0)
    if (error === undefined) return call?.resolve(result)
    call?.reject(new RpcError(textOf(fieldsOf(error)['message'])))
  }

  #take(id: number): Call | undefined {
    const call = this.#calls.get(id)
    clearTimeout(call?.timer)
    this.#calls.delete(id)
    return call
  }
}
