/** The network between an agent and the node, as a TCP relay that can be cut or go silent without a word. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class Network {
  readonly #server: Server
  readonly #pairs = new Set<readonly [near: Socket, far: Socket]>()
  #isSilent = false

  constructor(port: number) {
    this.#server = createServer((near) => this.#join(near, connect(port, '127.0.0.1')))
  }

  async start(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.cut()
    this.#server.close()
  }

  /** Every connection ends; new ones work. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** Half-open: connections stay, new ones are taken, and no byte passes any more in either direction. */
  silence(): void {
    this.#isSilent = true
    for (const pair of this.#pairs) this.#mute(pair)
  }

  /** New connections work again; the old ones stay dead, as behind a router that forgot them. */
  restore(): void {
    this.#isSilent = false
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => this.#pairs.delete(pair))
    }
    near.pipe(far).pipe(near)
    if (this.#isSilent) this.#mute(pair)
    near.once('close', () => !this.#isMuted(near) && far.destroy())
    far.once('close', () => !this.#isMuted(far) && near.destroy())
  }

  #mute([near, far]: readonly [Socket, Socket]): void {
    near.unpipe(far).resume()
    far.unpipe(near).resume()
  }

  #isMuted(socket: Socket): boolean {
    return socket.listenerCount('data') === 0
  }
}
