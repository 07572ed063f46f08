/**
 * Where a feed may go: encrypted, and to a public address, which is resolved once and connected to as it was judged (the node's
 * own network is not the customer's). In the demo also unencrypted and to private ones, as its receivers are.
 */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FeedKind } from '@travessia/schemas/feeds'
import { classifyAddress } from '@travessia/schemas/ip-address'

type Scheme = { readonly kind: FeedKind; readonly isTls: boolean; readonly port: number }

const schemes: Readonly<Record<string, Scheme>> = {
  'https:': { kind: 'webhook', isTls: true, port: 443 },
  'syslog+tls:': { kind: 'syslog', isTls: true, port: 6514 },
  'http:': { kind: 'webhook', isTls: false, port: 80 },
  'syslog+tcp:': { kind: 'syslog', isTls: false, port: 601 },
}

export type FeedAddress = Scheme & { readonly url: URL; readonly host: string }

/** @throws TravessiaError FEED_ADDRESS */
export function feedAddress(text: string, isDemo: boolean): FeedAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const scheme = url && schemes[url.protocol]
  if (!scheme || !url.hostname || url.username || url.password || url.hash)
    throw new TravessiaError('FEED_ADDRESS')
  if (!scheme.isTls && !isDemo) throw new TravessiaError('FEED_ADDRESS', { problem: 'plain' })
  const name = nameOf(url)
  if (isIP(name)) requireAllowed(name, isDemo)
  return { ...scheme, url, port: Number(url.port || scheme.port), host: url.host }
}

/**
 * Connected, and past the handshake of TLS.
 * @throws TravessiaError FEED_ADDRESS, FEED_UNREACHABLE
 */
export async function connectFeed(
  { url, port, isTls }: FeedAddress,
  { isDemo, signal }: { isDemo: boolean; signal: AbortSignal },
): Promise<Socket> {
  const name = nameOf(url)
  const address = isIP(name) ? name : await resolve(name)
  requireAllowed(address, isDemo)
  const socket: Socket = isTls
    ? connectTls({ host: address, port, servername: isIP(name) ? '' : name })
    : connectTcp({ host: address, port })
  try {
    await once(socket, isTls ? 'secureConnect' : 'connect', { signal })
    return socket
  } catch (cause) {
    socket.destroy()
    throw new TravessiaError('FEED_UNREACHABLE', {}, { cause })
  }
}

function nameOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function requireAllowed(address: string, isDemo: boolean): void {
  const kind = classifyAddress(address)
  const isAllowed = isDemo ? kind === 'private' || kind === 'loopback' : kind === 'public'
  if (!isAllowed) throw new TravessiaError('FEED_ADDRESS', { problem: kind })
}

async function resolve(name: string): Promise<string> {
  try {
    return (await lookup(name)).address
  } catch (cause) {
    throw new TravessiaError('FEED_UNREACHABLE', {}, { cause })
  }
}
