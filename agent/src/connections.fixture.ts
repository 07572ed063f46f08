/** For tests: a plain broker behind a wire that can be frozen, cut or stalled, and an agent’s connections to it. */
import { connect, createServer, type Socket } from 'node:net'
import { Aedes, type AedesOptions } from 'aedes'
import { expect, onTestFinished, vi } from 'vitest'
import { type ConnectionEvents, Connections } from './connections.ts'
import { agentConfig, eventually, listening, noProxies, silent } from './fixtures.ts'

/** A plain broker, behind a wire that can be frozen: open, and nothing passes. */
export async function broker(options: Partial<AedesOptions> = {}) {
  const aedes = new Aedes(options)
  await aedes.listen()
  onTestFinished(() => new Promise<void>((done) => aedes.close(() => done())))
  const brokerPort = await listening(createServer(aedes.handle))
  const pairs = new Set<readonly [Socket, Socket]>()
  const wire = { isFrozen: false }
  const relay = createServer((near) => {
    const far = connect(brokerPort, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (data) => void (wire.isFrozen ? undefined : to.write(data)))
      from.on('error', () => undefined)
      from.once('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
    }
  })
  const port = await listening(relay)
  const cut = () => {
    for (const [near] of pairs) near.destroy()
  }
  onTestFinished(cut)
  /** Nothing is lost, and nothing is taken. @returns what ends it */
  const stall = () => {
    const sockets = [...pairs].flat()
    for (const socket of sockets) socket.pause()
    return () => {
      for (const socket of sockets) socket.resume()
    }
  }
  return { aedes, port, wire, cut, stall }
}

export function connected(port: number, keepaliveSeconds = 30, wsUrl = `mqtt://127.0.0.1:${port}`) {
  const config = agentConfig({ wsUrl })
  const events = {
    ...{ command: vi.fn(), frame: vi.fn(), controlUp: vi.fn(), dataUp: vi.fn(), dataLost: vi.fn() },
    refused: vi.fn(),
  } satisfies ConnectionEvents
  const connections = new Connections({
    ...{ config: () => config, events, proxies: noProxies, log: silent, keepaliveSeconds },
  })
  onTestFinished(() => connections.stop())
  connections.start()
  const up = () =>
    eventually(() => expect([connections.isControlUp, connections.isDataUp]).toEqual([true, true]))
  return { config, events, connections, up }
}

export const publish = (aedes: Aedes, topic: string, payload: string | Buffer, qos: 0 | 1) =>
  new Promise<void>((resolve, reject) => {
    const packet = { cmd: 'publish', topic, payload, qos, retain: false, dup: false } as const
    aedes.publish(packet, (error) => (error ? reject(error) : resolve()))
  })
