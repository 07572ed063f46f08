/**
 * Path mode: root-absolute addresses in HTML get the session's prefix, and so does the page's own `<base>`; none
 * is added. Bytes go through as Latin-1, so pages of any ASCII-based charset stay as they are.
 */
import { Transform } from 'node:stream'
import { RewritingStream } from 'parse5-html-rewriting-stream'
import { type PublicView, publicPathOf } from './public-address.ts'

const single = new Set([
  'href',
  'src',
  'action',
  'formaction',
  'poster',
  'data',
  'manifest',
  'ping',
  'background',
])
const sets = new Set(['srcset', 'imagesrcset'])

/** true: the answer is a document whose addresses must be rewritten. */
export function isRewritable(
  status: number,
  type: string | undefined,
  encoding: string | undefined,
): boolean {
  const isHtml = /^(text\/html|application\/xhtml\+xml)/i.test(type ?? '')
  return isHtml && status !== 206 && status !== 304 && (encoding ?? 'identity') === 'identity'
}

/** The address as it must stand in the page; relative ones and those of other hosts stay. */
export function rewriteAddress(value: string, view: PublicView): string {
  const text = value.trim()
  if (text.startsWith(`${view.prefix}/`)) return value
  if (text.startsWith('/') && !text.startsWith('//')) return `${view.prefix}${text}`
  const absolute = text.startsWith('//') ? `http:${text}` : text
  const origin =
    /^https?:\/\//i.test(absolute) && URL.canParse(absolute) ? new URL(absolute).origin : ''
  return view.others.has(origin) ? publicPathOf(absolute, '/', view) : value
}

export function rewriteHtml(view: PublicView): Transform[] {
  const rewriter = new RewritingStream()
  rewriter.on('startTag', (tag, raw) => {
    let isChanged = false
    for (const attribute of tag.attrs) {
      const value = rewriteAttribute(tag.tagName, attribute, view)
      if (value === attribute.value) continue
      attribute.value = value
      isChanged = true
    }
    if (isChanged) rewriter.emitStartTag(tag)
    else rewriter.emitRaw(raw)
  })
  return [bytesToText(), rewriter, textToBytes()]
}

function rewriteAttribute(
  tagName: string,
  { name, value }: { name: string; value: string },
  view: PublicView,
): string {
  if (single.has(name)) return rewriteAddress(value, view)
  if (sets.has(name)) {
    return value
      .split(',')
      .map((candidate) =>
        candidate.replace(
          /^(\s*)(\S+)/,
          (_, space: string, url: string) => space + rewriteAddress(url, view),
        ),
      )
      .join(',')
  }
  if (tagName === 'meta' && name === 'content' && /^\s*\d+\s*;\s*url=/i.test(value))
    return value.replace(
      /(url=\s*)(.+)$/i,
      (_, key: string, url: string) => key + rewriteAddress(url, view),
    )
  return value
}

/** parse5 speaks text: each byte becomes the character of its number on the way in, and a byte again on the way out. */
function bytesToText(): Transform {
  return new Transform({
    encoding: 'utf8',
    transform: (chunk: Buffer, _encoding, done) => done(null, chunk.toString('latin1')),
  })
}

function textToBytes(): Transform {
  return new Transform({
    decodeStrings: false,
    transform: (chunk: string, _encoding, done) => done(null, Buffer.from(chunk, 'latin1')),
  })
}
