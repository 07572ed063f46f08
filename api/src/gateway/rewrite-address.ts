/**
 * Addresses that a device wrote into its pages, as they must stand there for the browser (DEVICES 4.5). Pure. Only
 * the beginning of a text changes, so what follows may be of any charset and hold any entity.
 */
import type { PublicView } from './public-address.ts'

/** Root-absolute ones get the prefix, the device's own origins their path; relative ones and other hosts stay. */
export function rewriteAddress(value: string, view: PublicView): string {
  const text = value.trimStart()
  const space = value.slice(0, value.length - text.length)
  const authority = /^(https?:)?\/\/([^/?#\\\s]+)/i.exec(text)
  if (!authority) {
    const isRooted = /^\/(?!\/)/.test(text) && !isPublic(text, view)
    return isRooted ? space + view.prefix + text : value
  }
  const [whole, scheme = new URL(view.targetOrigin).protocol, host] = authority
  const origin = `${scheme}//${host}`
  const prefix = URL.canParse(origin) ? view.others.get(new URL(origin).origin) : undefined
  if (prefix === undefined) return value
  const rest = text.slice(whole.length)
  const path = `${prefix}${rest.startsWith('/') ? '' : '/'}${rest}`
  // `//x` alone would be another host.
  return space + (path.startsWith('//') ? view.publicOrigin + path : path)
}

/** `a.png 1x, b.png 2x`; a comma inside an address (`data:…;base64,/9j`) is part of it, as in HTML. */
export function rewriteAddressSet(value: string, view: PublicView): string {
  let isAddress = true
  return value.replace(/\S+/g, (word) => {
    // After an address its size, which ends at a comma.
    const end = isAddress ? 0 : word.indexOf(',') + 1
    if (!isAddress && end === 0) return word
    const address = word.slice(end)
    isAddress = address === '' || address.endsWith(',')
    return word.slice(0, end) + rewriteAddress(address, view)
  })
}

/** `5; url=/x`, the content of `<meta http-equiv="refresh">`. */
export function rewriteRefresh(value: string, view: PublicView): string {
  const match = /^\s*[\d.]*\s*[;,\s]\s*(?:url\s*=\s*)?["']?/i.exec(value)
  if (!match) return value
  return match[0] + rewriteAddress(value.slice(match[0].length), view)
}

/** A page that knows its prefix, or that was rewritten before, says the public path itself. */
function isPublic(path: string, { base }: PublicView): boolean {
  return path.startsWith(base === '' ? '/__travessia/' : `${base}/`)
}
