/**
 * Which address the agent may connect to: a registered device's own host and port, resolved
 * once, in a private range. The name is not asked again for the connection, so a second DNS answer is never
 * seen; the connected peer is compared with what was allowed.
 */
import { lookup } from 'node:dns/promises'
import { isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { AgentDevice } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { classifyAddress } from '@travessia/schemas/ip-address'

export type Target = {
  readonly protocol: 'http:' | 'https:'
  /** As the device expects it in `Host`. */
  readonly host: string
  readonly hostname: string
  readonly port: number
}

export type Policy = {
  /** Devices on this host are allowed (set at pairing); still only registered ones. */
  readonly allowLoopback: () => boolean
  /** The agent's own ports. */
  readonly forbiddenPorts: () => readonly number[]
  /** Asked once per connection; the system's resolver when absent. */
  readonly resolve?: (hostname: string) => Promise<string>
}

/** Per device as it is registered, and port: a change of the registration brings another object. */
const targets = new WeakMap<AgentDevice, Map<number | undefined, Target>>()

/** The registered target of a request. @throws TravessiaError TARGET_FORBIDDEN */
export function targetOf(device: AgentDevice, port?: number): Target {
  const known = targets.get(device)?.get(port)
  if (known) return known
  const target = readTarget(device, port)
  const ofDevice = targets.get(device) ?? new Map<number | undefined, Target>()
  targets.set(device, ofDevice.set(port, target))
  return target
}

function readTarget(device: AgentDevice, port: number | undefined): Target {
  const url = URL.canParse(device.baseUrl) ? new URL(device.baseUrl) : undefined
  const protocol = url?.protocol
  if (!url || (protocol !== 'http:' && protocol !== 'https:')) throw forbidden('address')
  const ownPort = Number(url.port || (protocol === 'https:' ? 443 : 80))
  if (port !== undefined && port !== ownPort && !device.ports.includes(port))
    throw forbidden('port')
  const isDefault = (port ?? ownPort) === (protocol === 'https:' ? 443 : 80)
  const host = isDefault ? url.hostname : `${url.hostname}:${port ?? ownPort}`
  return { protocol, host, hostname: url.hostname.replace(/^\[|\]$/g, ''), port: port ?? ownPort }
}

/** The one address to connect to. @throws TravessiaError TARGET_FORBIDDEN, DEVICE_UNREACHABLE (unknown name) */
export async function pinnedAddress(target: Target, policy: Policy): Promise<string> {
  const address = isIP(target.hostname) ? target.hostname : await resolve(target.hostname, policy)
  const kind = isOwn(address) ? 'loopback' : classifyAddress(address)
  const isOwnService = kind === 'loopback' && policy.forbiddenPorts().includes(target.port)
  const isAllowed =
    kind === 'private' || (kind === 'loopback' && policy.allowLoopback() && !isOwnService)
  if (!isAllowed) throw forbidden(kind)
  return address
}

/** One of this host's in a network: the way there is as short as by 127.0.0.1. */
function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((all) =>
    all?.some((one) => one.address === address),
  )
}

/** @throws TravessiaError TARGET_FORBIDDEN when the peer is not the address that was allowed */
export function requirePeer(socket: Socket, address: string): void {
  if (socket.remoteAddress === address) return
  socket.destroy()
  throw forbidden('peer')
}

async function resolve(hostname: string, policy: Policy): Promise<string> {
  try {
    return await (policy.resolve?.(hostname) ?? lookup(hostname).then(({ address }) => address))
  } catch (cause) {
    throw new TravessiaError('DEVICE_UNREACHABLE', {}, { cause })
  }
}

function forbidden(problem: string): TravessiaError {
  return new TravessiaError('TARGET_FORBIDDEN', { problem })
}
