/**
 * Addresses that a device wrote into its pages, as they must stand there for the browser. Pure. Only
 * the beginning of an address changes, so what follows may be of any charset.
 */
import type { PublicView } from './public-address.ts'

/** What stands from `from` to `to` becomes `text`. */
type Edit = { readonly from: number; readonly to: number; readonly text: string }
/** From the first to the last; undefined for what was looked at and stays, so that whoever takes them may pause. */
export type Edits = Iterable<Edit | undefined>

/** Longer ones are nobody's host. */
const maxHeadLength = 300

/** Root-absolute ones get the prefix, the device's own origins their path; relative ones and other hosts stay. */
export function addressEdit(address: string, view: PublicView, at = 0): Edit | undefined {
  // As browsers read it: without leading controls, without tabs and line ends anywhere, and `\` is `/`.
  const space = /^[\0- ]*/.exec(address)?.[0].length ?? 0
  const head = address.slice(space, space + maxHeadLength)
  const text = head.replace(/[\t\n\r]/g, '').replaceAll('\\', '/')
  const from = at + space
  const authority = /^(https?:)?\/\/([^/?#\s]+)/i.exec(text)
  if (!authority) {
    const isRooted = /^\/(?!\/)/.test(text) && view.prefix !== '' && !isPublic(text, view)
    return isRooted ? { from, to: from, text: view.prefix } : undefined
  }
  const [whole, scheme = new URL(view.targetOrigin).protocol, host] = authority
  if (whole === text && address.length > space + maxHeadLength) return undefined
  const origin = `${scheme}//${host}`
  const prefix = URL.canParse(origin) ? view.others.get(new URL(origin).origin) : undefined
  if (prefix === undefined) return undefined
  const rest = text.slice(whole.length)
  const path = `${prefix}${rest.startsWith('/') ? '' : '/'}`
  // `//x` alone would be another host.
  const before = (path + rest).startsWith('//') ? view.publicOrigin : ''
  return { from, to: from + lengthOf(head, whole.length), text: before + path }
}

/** `a.png 1x, b.png 2x`; a comma inside an address (`data:…;base64,/9j`) is part of it, as in HTML. */
export function* addressSetEdits(value: string, view: PublicView): Edits {
  let isAddress = true
  for (const { 0: word, index } of value.matchAll(/[^\t\n\f\r ]+/g)) {
    // After an address its size, which ends at a comma.
    const start = isAddress ? 0 : word.indexOf(',') + 1
    if (!isAddress && start === 0) continue
    const address = word.slice(start)
    isAddress = address === '' || address.endsWith(',')
    yield addressEdit(address, view, index + start)
  }
}

/** `5; url=/x`, the content of `<meta http-equiv="refresh">`. */
export function* refreshEdits(value: string, view: PublicView): Edits {
  const start = /^\s*[\d.]*\s*[;,\s]\s*(?:url\s*=\s*)?["']?/i.exec(value)?.[0].length
  if (start !== undefined) yield addressEdit(value.slice(start), view, start)
}

/** A text with its edits, in pieces. */
export function* edited(text: string, edits: Edits): Iterable<string> {
  let done = 0
  for (const edit of edits) {
    yield edit ? text.slice(done, edit.from) + edit.text : ''
    done = edit?.to ?? done
  }
  yield text.slice(done)
}

/** Of the part of `head` that has `count` characters besides tabs and line ends. */
function lengthOf(head: string, count: number): number {
  let length = 0
  for (let left = count; left > 0; length += 1) if (!/[\t\n\r]/.test(head[length] ?? '')) left -= 1
  return length
}

/** A page that knows its prefix, or that was rewritten before, says the public path itself. */
function isPublic(path: string, { base }: PublicView): boolean {
  return path.startsWith(base === '' ? '/__travessia/' : `${base}/`)
}
