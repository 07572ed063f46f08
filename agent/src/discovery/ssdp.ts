/** SSDP (UPnP Device Architecture 1.1, 1.3): one question to all root devices, and their answers. Pure. */

const maxAnswerBytes = 4_096

export function searchRequest(host: string): string {
  return [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${host}`,
    'MAN: "ssdp:discover"',
    'MX: 2',
    'ST: upnp:rootdevice',
    '\r\n',
  ].join('\r\n')
}

export function isSsdp(packet: Uint8Array): boolean {
  return Buffer.from(packet.subarray(0, 7)).toString('latin1') === 'HTTP/1.'
}

/** Address of the device and what it calls itself, `''` when it does not; undefined: not an answer that can be used. */
export function parseSsdp(
  packet: Uint8Array,
): { readonly address: string; readonly product: string } | undefined {
  if (packet.length > maxAnswerBytes) return undefined
  const [status = '', ...lines] = Buffer.from(packet).toString('utf8').split('\r\n')
  if (!/^HTTP\/1\.[01] 200( |$)/.test(status)) return undefined
  const location = headerOf(lines, 'location')
  if (!/^https?:\/\//i.test(location) || !URL.canParse(location)) return undefined
  // `Linux/5.4 UPnP/1.1 Camera/2.0`: the product comes last.
  const [, product = ''] = /UPnP\/[\d.]+,?\s+(\S.*)$/i.exec(headerOf(lines, 'server')) ?? []
  return { address: new URL(location).hostname, product }
}

function headerOf(lines: readonly string[], name: string): string {
  const start = `${name}:`
  const line = lines.find((one) => one.slice(0, start.length).toLowerCase() === start)
  return line?.slice(start.length).trim() ?? ''
}
