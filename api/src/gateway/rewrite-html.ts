/**
 * A page on its way to the browser: its addresses mapped, and our script first. Bytes go through as Latin-1 and only
 * what changes is replaced, so pages of any ASCII-based charset stay as they are. Scripts, text and comments are left
 * alone. Streams: nothing is held but one token, and beyond a limit the rest passes untouched.
 */
import { RewritingStream } from 'parse5-html-rewriting-stream'
import { mapPolicy } from './content-policy.ts'
import type { PublicView } from './public-address.ts'
import { rewriteAddress, rewriteAddressSet, rewriteRefresh } from './rewrite-address.ts'
import { rewriteCss } from './rewrite-css.ts'

type Rewrite = (value: string, view: PublicView) => string
type Token = Parameters<RewritingStream['_emitToken']>[1]
type StartTag = Parameters<RewritingStream['emitStartTag']>[0]

/** Longer values hold data, not addresses. */
const maxValueLength = 64 * 1024

const byAttribute: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ...'href xlink:href src action formaction poster data manifest ping background'
    .split(' ')
    .map((name) => [name, rewriteAddress] as const),
  ['srcset', rewriteAddressSet],
  ['imagesrcset', rewriteAddressSet],
  ['style', rewriteCss],
])
const byMeta: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ['refresh', rewriteRefresh],
  [
    'content-security-policy',
    (value, view) => (value.includes('&') ? value : mapPolicy(value, view)),
  ],
  // The way back for addresses that escape is the referrer; to other sites none goes anyway.
  ['referrer', () => 'same-origin'],
])

export class PageRewriter extends RewritingStream {
  readonly #maxBytes: number
  #seen = 0
  /** Where in the page the last token ended. */
  #end = 0

  /** `script`: the tag that becomes the first one, or nothing. */
  constructor(view: PublicView, { script, maxBytes }: { script: string; maxBytes: number }) {
    super()
    this.#maxBytes = maxBytes
    let toInsert = script
    let isStyle = false
    const insert = () => {
      if (toInsert !== '') this.emitRaw(toInsert)
      toInsert = ''
    }
    this.on('startTag', (tag: StartTag, raw: string) => {
      isStyle = tag.tagName === 'style'
      const isBefore = tag.tagName !== 'html' && tag.tagName !== 'head'
      if (isBefore) insert()
      this.emitRaw(rewriteTag(tag, raw, view))
      if (tag.tagName === 'head') insert()
    })
    this.on('endTag', (_tag, raw: string) => {
      isStyle = false
      this.emitRaw(raw)
    })
    this.on('text', (_text, raw: string) => this.emitRaw(isStyle ? rewriteCss(raw, view) : raw))
  }

  override _transformChunk(chunk: string): string {
    const wasWithin = this.#seen <= this.#maxBytes
    this.#seen += chunk.length
    if (this.#seen <= this.#maxBytes) return super._transformChunk(chunk)
    if (wasWithin) {
      const { html, droppedBufferSize } = this.tokenizer.preprocessor
      this.emitRaw(html.slice(this.#end - droppedBufferSize))
      this.stop()
    }
    this.emitRaw(chunk)
    return ''
  }

  protected override emitIfListenerExists(event: string, token: Token): boolean {
    const isEmitted = super.emitIfListenerExists(event, token)
    this.#end = token.sourceCodeLocation?.endOffset ?? this.#end
    return isEmitted
  }
}

/** The tag as it stood, with the values of some attributes replaced. */
function rewriteTag(tag: StartTag, raw: string, view: PublicView): string {
  const place = tag.sourceCodeLocation
  if (!place || !('attrs' in place)) return raw
  const kind = tag.tagName === 'meta' ? metaKind(tag.attrs) : ''
  let text = raw
  // From the last to the first, so that the places of the others stay.
  for (const [name, own] of Object.entries(place.attrs ?? {}).toReversed()) {
    const from = own.startOffset - place.startOffset
    const to = own.endOffset - place.startOffset
    const rewrite = name === 'content' ? byMeta.get(kind) : byAttribute.get(name)
    const attribute = text.slice(from, to)
    // A style sheet whose addresses change has another digest.
    const isDigest = name === 'integrity' && tag.tagName === 'link' && view.prefix !== ''
    const written = isDigest ? '' : rewrite ? rewriteValue(attribute, rewrite, view) : attribute
    text = text.slice(0, from) + written + text.slice(to)
  }
  return text
}

function rewriteValue(attribute: string, rewrite: Rewrite, view: PublicView): string {
  const [, name, quote = '', value = ''] = /^([^=]*=\s*)(["']?)([\s\S]*)\2$/.exec(attribute) ?? []
  const isLeft = name === undefined || value.length > maxValueLength
  return isLeft ? attribute : name + quote + rewrite(value, view) + quote
}

function metaKind(attributes: StartTag['attrs']): string {
  const named = attributes.find(({ name }) => name === 'http-equiv' || name === 'name')
  return named?.value.toLowerCase() ?? ''
}
