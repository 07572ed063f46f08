/** From what the network says to what a manager may choose from. Pure; all of it is untrusted. */
import type { DeviceKind, DriverKind } from '@travessia/schemas/devices'
import { maxSuggestions, type Suggestion } from '@travessia/schemas/discovery'
import { type DnsRecord, keyOf } from './dns-packet.ts'

type Service = {
  readonly kind: DeviceKind
  readonly driver: DriverKind
  readonly protocol: 'http' | 'https'
}

const page = { kind: 'http', driver: 'http' } as const
const printerPage = { kind: 'printer', driver: 'http' } as const

/** What is asked for; of one address the first in this list says most. */
const services: Readonly<Record<string, Service>> = {
  '_octoprint._tcp.local': { kind: 'printer', driver: 'octoprint', protocol: 'http' },
  '_moonraker._tcp.local': { kind: 'printer', driver: 'moonraker', protocol: 'http' },
  '_prusalink._tcp.local': { ...printerPage, protocol: 'http' },
  '_axis-video._tcp.local': { kind: 'camera', driver: 'camera', protocol: 'http' },
  '_ipp._tcp.local': { ...printerPage, protocol: 'http' },
  '_ipps._tcp.local': { ...printerPage, protocol: 'https' },
  '_https._tcp.local': { ...page, protocol: 'https' },
  '_http._tcp.local': { ...page, protocol: 'http' },
}
export const serviceNames = Object.keys(services)
const serviceKeys = new Set(serviceNames.map((name) => keyOf(name.split('.'))))

/** A pointer from a service, the place of one of its instances, or the address of any host. */
export function isAsked({ type, name: { key } }: DnsRecord): boolean {
  if (type === 'A') return true
  return serviceKeys.has(type === 'PTR' ? key : key.slice(key.indexOf('\0') + 1))
}

export function mdnsSuggestions(
  records: readonly DnsRecord[],
  isAllowed: (address: string) => boolean,
): Suggestion[] {
  const places = new Map<string, Extract<DnsRecord, { type: 'SRV' }>>()
  const addresses = new Map<string, string>()
  for (const record of records) {
    if (record.type === 'SRV') places.set(record.name.key, record)
    else if (record.type === 'A' && isAllowed(record.address) && !addresses.has(record.name.key))
      addresses.set(record.name.key, record.address)
  }
  return Object.entries(services).flatMap(([name, { kind, driver, protocol }]) => {
    const key = keyOf(name.split('.'))
    return records.flatMap((record): Suggestion[] => {
      if (record.type !== 'PTR' || record.name.key !== key) return []
      const place = places.get(record.target.key)
      const address = place && addresses.get(place.target.key)
      if (!place || address === undefined || place.port === 0) return []
      const baseUrl = new URL(`${protocol}://${address}:${place.port}`).origin
      return [{ name: nameOf(record.target.first, address), kind, driver, baseUrl, via: 'mdns' }]
    })
  })
}

/**
 * The page of the host: SSDP says where a description lies, mostly at a port of its own, and to fetch it would be a
 * request to a device that nobody has registered.
 */
export function ssdpSuggestion(
  { address, product }: { readonly address: string; readonly product: string },
  isAllowed: (address: string) => boolean,
): Suggestion[] {
  if (!isAllowed(address)) return []
  return [{ ...page, name: nameOf(product, address), baseUrl: `http://${address}`, via: 'ssdp' }]
}

/** One for each address, the one that says most. */
export function chosen(suggestions: readonly Suggestion[]): Suggestion[] {
  const byAddress = new Map<string, Suggestion>()
  for (const one of suggestions) if (!byAddress.has(one.baseUrl)) byAddress.set(one.baseUrl, one)
  return [...byAddress.values()].slice(0, maxSuggestions)
}

/** A short, clean line. */
function nameOf(text: string, instead: string): string {
  const line = text
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
  return [...line].slice(0, 80).join('').trim() || instead
}
