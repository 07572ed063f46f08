/** One tunnel to each node that has greeted since the data connection came up; the oldest goes when there are too many. */
import type { AgentDevice } from '@travessia/schemas/devices'
import type { ResetCode } from '@travessia/schemas/tunnel-frame'
import { type TunnelDeps, TunnelServer } from './tunnel-server.ts'

const maxTunnels = 16

type Deps = Omit<TunnelDeps, 'send'> & {
  readonly send: (nodeId: string, frame: Uint8Array) => boolean
  /** A node is there that was not. */
  readonly opened: () => void
}

export class Tunnels {
  readonly #deps: Deps
  readonly #tunnels = new Map<string, TunnelServer>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** The node that greeted last: the older ones may be gone. */
  get newest(): string | undefined {
    return [...this.#tunnels.keys()].at(-1)
  }

  /** Exchanges under way, of all nodes. */
  get streamCount(): number {
    return [...this.#tunnels.values()].reduce((sum, { streamCount }) => sum + streamCount, 0)
  }

  of(nodeId: string): TunnelServer {
    const known = this.#tunnels.get(nodeId)
    if (known) return known
    const [oldest] = this.#tunnels.keys()
    if (oldest !== undefined && this.#tunnels.size >= maxTunnels) this.#close(oldest)
    const { send, opened, ...deps } = this.#deps
    const tunnel = new TunnelServer({ ...deps, send: (frame) => send(nodeId, frame) })
    this.#tunnels.set(nodeId, tunnel)
    setImmediate(opened)
    return tunnel
  }

  devicesChanged(devices: readonly AgentDevice[]): void {
    for (const tunnel of this.#tunnels.values()) tunnel.devicesChanged(devices)
  }

  cut(code: ResetCode): void {
    for (const tunnel of this.#tunnels.values()) tunnel.cut(code)
  }

  /** Every node greets anew on the next connection. */
  lost(): void {
    for (const nodeId of [...this.#tunnels.keys()]) this.#close(nodeId)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#tunnels.values()].map((tunnel) => tunnel.stop()))
  }

  #close(nodeId: string): void {
    this.#tunnels
      .get(nodeId)
      ?.stop()
      .catch(() => undefined)
    this.#tunnels.delete(nodeId)
  }
}
