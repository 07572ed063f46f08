/** What kind of address a text is. Only the plain forms are addresses: `0x7f.1`, `2130706433`, `127.1` are not. */
type AddressClass = 'loopback' | 'private' | 'public' | 'forbidden'

const plainIpv4 = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/

/** Documentation (RFC 5737), protocol assignments and benchmarks (RFC 6890), a cloud platform's host. */
const reservedIpv4 = /^(192\.0\.[02]\.|198\.1[89]\.|198\.51\.100\.|203\.0\.113\.|168\.63\.129\.16$)/

/**
 * `private`: RFC 1918, RFC 6598 (100.64/10, used inside carrier and campus networks), ULA, IPv6 link-local.
 * `forbidden`: not an address, unspecified, IPv4 link-local (metadata services), IPv4 inside IPv6, multicast,
 * broadcast, documentation and reserved ranges.
 */
export function classifyAddress(address: string): AddressClass {
  return address.includes(':') ? classifyIpv6(address.toLowerCase()) : classifyIpv4(address)
}

/** This host itself, as it stands in an address, with or without brackets. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || classifyAddress(hostname.replace(/^\[|\]$/g, '')) === 'loopback'
  )
}

/** An address, or a network as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits = '1', ...more] = text.split('/')
  const isIpv6 = /^[0-9a-f:.]*:/i.test(address) && URL.canParse(`http://[${address}]`)
  const longest = plainIpv4.test(address) ? 32 : isIpv6 ? 128 : -1
  return more.length === 0 && /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= longest
}

function classifyIpv4(address: string): AddressClass {
  if (!plainIpv4.test(address)) return 'forbidden'
  const [a = 0, b = 0] = address.split('.').map(Number)
  if (a === 127) return 'loopback'
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return 'private'
  if (a === 100 && b >= 64 && b < 128) return 'private'
  if (a === 0 || a >= 224 || (a === 169 && b === 254)) return 'forbidden'
  if (reservedIpv4.test(address)) return 'forbidden'
  return 'public'
}

function classifyIpv6(address: string): AddressClass {
  const plain = address.replace(/%.*$/, '')
  if (plain === '::1') return 'loopback'
  if (plain === '::' || plain.includes('.') || /^(::ffff|64:ff9b|2002|2001:(0?|db8):)/.test(plain))
    return 'forbidden'
  const first = Number.parseInt(plain.split(':')[0] ?? '', 16)
  if (!/^[0-9a-f:]+$/.test(plain)) return 'forbidden'
  if ((first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80) return 'private'
  return (first & 0xe000) === 0x2000 ? 'public' : 'forbidden'
}
