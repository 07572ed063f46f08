/** The network between agents and the node: a TCP relay that can be cut, stand still, delay, or go silent without a word. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectReader, type LineKind } from './connect-reader.ts'

/** `up`: from the agent to the node. */
type Way = 'up' | 'down'
type Ways = Way | 'both'

export class Network {
  readonly #server: Server
  readonly #lines = new Set<Line>()
  #delayMs = 0
  /** What new connections of this kind fall into. */
  #silent: LineKind | 'all' | undefined

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

  /** The connections end, as at a closed door or, `reset`, as at a broken one; new ones work. */
  cut(kind?: LineKind, how: 'end' | 'reset' = 'end'): void {
    for (const line of this.#of(kind)) line.end(how)
  }

  /** Half-open: connections stay, new ones are taken, and no byte passes any more in either direction. */
  silence(kind?: LineKind): void {
    this.#silent = kind ?? 'all'
    for (const line of this.#of(kind)) line.silence()
  }

  /** New connections work again; the silent ones stay dead, as behind a router that forgot them. */
  restore(): void {
    this.#silent = undefined
  }

  /** Connections stand still and lose nothing, until they thaw. */
  freeze(ways: Ways = 'both', kind?: LineKind): void {
    for (const line of this.#of(kind)) line.freeze(ways)
  }

  thaw(): void {
    for (const line of this.#lines) line.thaw()
  }

  /** Each byte that comes from now on, on every connection, arrives so much later. */
  delay(forMs: number): void {
    this.#delayMs = forMs
  }

  #of(kind: LineKind | undefined): Line[] {
    return [...this.#lines].filter((line) => kind === undefined || line.kind === kind)
  }

  #join(near: Socket, far: Socket): void {
    const line = new Line(near, far, {
      delayMs: () => this.#delayMs,
      isSilent: (kind) => this.#silent === 'all' || (kind !== undefined && this.#silent === kind),
      closed: () => this.#lines.delete(line),
    })
    this.#lines.add(line)
  }
}

/** The agent dials the relay at this port instead of the node. */
export function throughNetwork(configPath: string, port: number): void {
  const config = JSON.parse(readFileSync(configPath, 'utf8')) as { wsUrl: string }
  const wsUrl = new URL(config.wsUrl)
  wsUrl.port = String(port)
  writeFileSync(configPath, JSON.stringify({ ...config, wsUrl: wsUrl.href }))
}

type Weather = {
  readonly delayMs: () => number
  readonly isSilent: (kind: LineKind | undefined) => boolean
  readonly closed: () => void
}

/** One connection through the relay. */
class Line {
  readonly #near: Socket
  readonly #far: Socket
  readonly #weather: Weather
  readonly #reader = new ConnectReader()
  readonly #frozen = new Set<Socket>()
  #isSilent = false

  constructor(near: Socket, far: Socket, weather: Weather) {
    this.#near = near
    this.#far = far
    this.#weather = weather
    near.on('data', (chunk: Buffer) => this.#reader.read(chunk))
    this.#pass(near, far)
    this.#pass(far, near)
    if (weather.isSilent(undefined)) this.silence()
  }

  /** undefined: it has not said so yet. */
  get kind(): LineKind | undefined {
    return this.#reader.kind
  }

  end(how: 'end' | 'reset'): void {
    for (const socket of [this.#near, this.#far])
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
  }

  silence(): void {
    this.#isSilent = true
    for (const socket of [this.#near, this.#far]) socket.resume()
  }

  freeze(ways: Ways): void {
    if (ways !== 'down') this.#frozen.add(this.#near.pause())
    if (ways !== 'up') this.#frozen.add(this.#far.pause())
  }

  thaw(): void {
    for (const socket of this.#frozen) socket.resume()
    this.#frozen.clear()
  }

  #pass(from: Socket, to: Socket): void {
    let before = Promise.resolve()
    const say = (act: () => void) => {
      const delayMs = this.#weather.delayMs()
      const late = delayMs === 0 ? undefined : sleep(delayMs)
      before = Promise.all([before, late]).then(act)
    }
    from.setNoDelay(true)
    from.on('data', (chunk: Buffer) => {
      if (this.#weather.isSilent(this.kind)) this.silence()
      if (this.#isSilent) return
      say(() => {
        if (!this.#isSilent && !to.write(chunk)) from.pause()
      })
    })
    to.on('drain', () => {
      if (!this.#frozen.has(from)) from.resume()
    })
    from.once('end', () => say(() => this.#isSilent || to.end()))
    from.on('error', () => from.destroy())
    from.once('close', () => {
      if (to.destroyed) this.#weather.closed()
      say(() => this.#isSilent || to.destroy())
    })
  }
}
