/**
 * Which session a request to the remote port is for, and how device addresses look from outside. Pure.
 * Host mode: `{sessionId}.{remote host}`, the device's own paths. Path mode: `/remote/s/{sessionId}/…` there.
 * Further ports of a device are under `/__travessia/port/{port}/` of either.
 */
import { TravessiaError } from '@travessia/schemas/errors'
import { isId } from '@travessia/schemas/ids'

export type Route = {
  readonly sessionId: string
  readonly mode: 'host' | 'path'
  /** What stands before the session's own paths: `''` or `/remote/s/{sessionId}`. */
  readonly base: string
  /** The raw target after `base`. */
  readonly target: string
}

/** A device address as the browser sees it. */
export type PublicView = {
  /** `http://{sessionId}.remote.localhost:8002` */
  readonly publicOrigin: string
  /** Before every path of the session: `''` or `/remote/s/{sessionId}`. */
  readonly base: string
  /** Before every path of this target. */
  readonly prefix: string
  /** `http://192.168.1.50` */
  readonly targetOrigin: string
  /** Origins of the device's other ports → their prefix. */
  readonly others: ReadonlyMap<string, string>
  /** Its pages get the script that records them. */
  readonly isRecorded?: boolean
}

/** Host mode serves the device's own paths: only a page with further ports has anything to map. */
export function hasAddressesToMap({ prefix, others }: PublicView): boolean {
  return prefix !== '' || others.size > 1
}

export const reservedPath = '/__travessia/'
export const domPath = '/__travessia/dom'

/** Where a recorded page sends what it shows. */
export function domUrl({ publicOrigin, base }: PublicView): string {
  return `${publicOrigin}${base}${domPath}`
}

/** @param hostname as `hostnameOf` reads it of `Host` */
export function routeOf(
  hostname: string,
  target: string,
  remoteHostname: string,
): Route | undefined {
  if (hostname.endsWith(`.${remoteHostname}`)) {
    const sessionId = hostname.slice(0, -remoteHostname.length - 1)
    return isId(sessionId) ? { sessionId, mode: 'host', base: '', target } : undefined
  }
  const match = /^(\/remote\/s\/([a-z0-9]{26}))(\/.*)?$/.exec(target)
  if (hostname !== remoteHostname || !match) return undefined
  const [, base = '', sessionId = '', rest = ''] = match
  return { sessionId, mode: 'path', base, target: rest }
}

/** Origin and base path of a session. */
export function sessionUrl(
  remoteUrl: URL,
  { id, mode }: { id: string; mode: 'host' | 'path' },
): string {
  return mode === 'host'
    ? `${remoteUrl.protocol}//${id}.${remoteUrl.host}`
    : `${remoteUrl.origin}/remote/s/${id}`
}

/** A port of the device in the path: `/__travessia/port/8080/x` → 8080 and `/x`. */
export function portOf(target: string): { port: number; target: string } | undefined {
  const match = /^\/__travessia\/port\/(\d{1,5})(\/.*)$/.exec(target)
  return match ? { port: Number(match[1]), target: match[2] ?? '/' } : undefined
}

/**
 * How a device's address and its ports are seen; `port`: the one that this request is for.
 * @throws TravessiaError TARGET_FORBIDDEN for what has no HTTP address
 */
export function viewOf(
  device: {
    readonly baseUrl: string
    readonly ports: readonly number[]
    readonly capture?: string
  },
  { publicOrigin, base, port }: { publicOrigin: string; base: string; port: number | undefined },
): PublicView {
  const own = new URL(device.baseUrl)
  // A serial port has no page; its origin would be `null`.
  if (!own.protocol.startsWith('http')) throw new TravessiaError('TARGET_FORBIDDEN')
  const originAt = (wanted: number) => `${own.protocol}//${own.hostname}:${wanted}`
  const others = new Map([[own.origin, base]])
  for (const one of device.ports)
    others.set(new URL(originAt(one)).origin, `${base}/__travessia/port/${one}`)
  const targetOrigin = port === undefined ? own.origin : new URL(originAt(port)).origin
  const prefix = others.get(targetOrigin) ?? base
  const view = { publicOrigin, base, prefix, targetOrigin, others }
  return device.capture === 'dom' ? { ...view, isRecorded: true } : view
}

/**
 * An address that the device wrote, as the browser may use it: on the device itself its public path, elsewhere
 * our page that says where it leads (no open redirect).
 */
export function publicPathOf(text: string, requestPath: string, view: PublicView): string {
  const base = `${view.targetOrigin}${requestPath}`
  // 8-bit characters are bytes (mostly of UTF-8) that the device forgot to encode: each stays what it is.
  const address = text.replace(/[\x80-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
  if (!URL.canParse(address, base)) return `${view.prefix}/`
  const url = new URL(address, base)
  // `blob:http://device/x` has the device's origin, and another scheme.
  const prefix = url.protocol.startsWith('http') ? view.others.get(url.origin) : undefined
  if (prefix !== undefined) {
    const path = `${prefix}${url.pathname}${url.search}${url.hash}`
    // `//x` alone would be another host.
    return path.startsWith('//') ? `${view.publicOrigin}${path}` : path
  }
  return `${view.base}/__travessia/leave?to=${encodeURIComponent(url.href)}`
}

/** What nearly every `Host` is: the parser of addresses would make the same of it, at many times the price. */
const plainHost = /^((?:[a-z0-9]+\.)+[a-z]+)(?::\d{1,4})?$/

/** `''`: no host. */
export function hostnameOf(host: string): string {
  const plain = plainHost.exec(host)?.[1]
  if (plain !== undefined) return plain
  const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined
  const isHost = url && !url.username && url.pathname === '/' && !url.search && !url.hash
  return isHost ? url.hostname : ''
}
