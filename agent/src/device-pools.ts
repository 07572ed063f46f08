/** HTTP connections to registered devices: one bounded pool per device and port, by the target policy. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { renameReset } from '@travessia/schemas/device-reset'
import type { AgentDevice } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { Pool } from 'undici'
import { keepLastWords } from './last-words.ts'
import { type Policy, pinnedAddress, requirePeer, type Target, targetOf } from './target-policy.ts'

const keepAliveMs = 4_000

/** Opens a socket to the target by the policy. @throws TravessiaError TARGET_FORBIDDEN, DEVICE_UNREACHABLE */
export async function connectTo(target: Target, policy: Policy, withinMs: number): Promise<Socket> {
  const address = await pinnedAddress(target, policy)
  const { port } = target
  // Devices sign their own certificates; pinning them per device is not built yet (README, limits).
  const socket: Socket =
    target.protocol === 'https:'
      ? connectTls({ host: address, port, rejectUnauthorized: false, servername: '' })
      : connectTcp({ host: address, port, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    const fail = (cause?: unknown) => {
      clearTimeout(timer)
      socket.destroy()
      reject(new TravessiaError('DEVICE_UNREACHABLE', {}, { cause }))
    }
    const timer = setTimeout(fail, withinMs)
    socket.once('error', fail)
    socket.once(target.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve()
    })
  })
  requirePeer(socket, address)
  return socket
}

type KnownPool = {
  readonly key: string
  readonly device: AgentDevice
  readonly target: Target
  readonly pool: Pool
}

export class DevicePools {
  readonly #policy: Policy
  readonly #pools = new Map<string, KnownPool>()

  constructor(policy: Policy) {
    this.#policy = policy
  }

  /** @throws TravessiaError TARGET_FORBIDDEN */
  poolFor(
    device: AgentDevice,
    port: number | undefined,
    connectMs: number,
  ): { pool: Pool; target: Target } {
    const target = targetOf(device, port)
    const id = `${device.deviceId}:${target.port}`
    const known = this.#pools.get(id)
    if (known?.device === device) return known
    const key = `${target.protocol}${target.host} ${device.maxConcurrent}`
    if (known?.key === key) return this.#keep(id, { ...known, device })
    void known?.pool.destroy()
    const pool = new Pool(`${target.protocol}//${target.host}`, {
      connections: device.maxConcurrent,
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: 64 * 1024,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, done) => {
        connectTo(target, this.#policy, connectMs).then(
          (socket) => {
            keepLastWords(socket)
            done(null, socket.on('error', renameReset))
          },
          (error: Error) => done(error, null),
        )
      },
    })
    return this.#keep(id, { key, device, target, pool })
  }

  #keep(id: string, pool: KnownPool): KnownPool {
    this.#pools.set(id, pool)
    return pool
  }

  /** Ends what is under way to devices that are no longer registered, or no longer at their address. */
  prune(devices: readonly AgentDevice[]): void {
    for (const [id, { device, pool }] of this.#pools) {
      const isSame = devices.some(
        ({ deviceId, baseUrl, ports }) =>
          deviceId === device.deviceId &&
          baseUrl === device.baseUrl &&
          device.ports.every((port) => ports.includes(port)),
      )
      if (isSame) continue
      this.#pools.delete(id)
      pool.destroy().catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.destroy()))
    this.#pools.clear()
  }
}
