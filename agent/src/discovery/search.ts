/**
 * One question to each network of this host, by mDNS and by SSDP, and a few seconds of listening: never a scan. Asked
 * from a port of our own (RFC 6762 5.1), so answers come to it and a responder on this host is not in the way.
 */
import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Suggestion } from '@travessia/schemas/discovery'
import { classifyAddress } from '@travessia/schemas/ip-address'
import { lanAddresses } from '../network.ts'
import { encodeQuery } from './dns-packet.ts'
import { Heard } from './heard.ts'
import { searchRequest } from './ssdp.ts'
import { serviceNames } from './suggestions.ts'

type Group = { readonly address: string; readonly port: number }
type SearchOptions = {
  /** IPv4 addresses of this host; one question from each. */
  readonly from: readonly string[]
  readonly allowLoopback: boolean
  readonly signal: AbortSignal
  readonly listenMs?: number
  readonly mdns?: Group
  readonly ssdp?: Group
}

const usual = {
  listenMs: 4_000,
  mdns: { address: '224.0.0.251', port: 5_353 },
  ssdp: { address: '239.255.255.250', port: 1_900 },
} as const
const maxNetworks = 8

/** @param allowLoopback devices on this host may be reached, so it is asked too */
export function createLanSearch(
  allowLoopback: () => boolean,
): (signal: AbortSignal) => Promise<Suggestion[]> {
  return (signal) => {
    const onHost = allowLoopback() ? ['127.0.0.1'] : []
    const from = [...lanAddresses().filter(isIPv4), ...onHost]
    return searchNetwork({ from, allowLoopback: allowLoopback(), signal })
  }
}

/** Never throws: a network that cannot be asked has nothing to say. */
export async function searchNetwork(options: SearchOptions): Promise<Suggestion[]> {
  const { from, signal, listenMs, mdns, ssdp } = { ...usual, ...options }
  const isAllowed = (address: string) => {
    const kind = classifyAddress(address)
    return kind === 'private' || (kind === 'loopback' && options.allowLoopback)
  }
  const isOther = (address: string) => options.allowLoopback || !from.includes(address)
  const heard = new Heard((address) => isAllowed(address) && isOther(address))
  const question = encodeQuery(serviceNames, randomInt(0x10000))
  const request = Buffer.from(searchRequest(`${ssdp.address}:${ssdp.port}`))
  const sockets = from
    .filter(isAllowed)
    .slice(0, maxNetworks)
    .map((address) => {
      const socket = createSocket('udp4')
      socket.on('error', () => undefined)
      socket.on('message', (packet, sender) => heard.take(packet, sender.address))
      socket.bind(0, address, () => {
        ask(socket, { address, packets: [[question, mdns] as const, [request, ssdp] as const] })
      })
      return socket
    })
  await sleep(listenMs, undefined, { signal }).catch(() => undefined)
  for (const socket of sockets) socket.close()
  return heard.suggestions()
}

function ask(
  socket: Socket,
  { address, packets }: { address: string; packets: ReadonlyArray<readonly [Uint8Array, Group]> },
): void {
  try {
    socket.setMulticastInterface(address)
    // Never beyond the first router.
    socket.setMulticastTTL(1)
  } catch {
    return
  }
  for (const [packet, group] of packets)
    socket.send(packet, group.port, group.address, () => undefined)
}
