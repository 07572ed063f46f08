/**
 * Whether a page is within SVG or MathML, where `<![CDATA[` is text and `<style>`, `<title>`, `<script>` hold tags
 * (HTML standard 13.2.6.5). Followed by the tags alone, without a tree: exact for well-formed drawings, and an error
 * of it in others costs a mapping, no more. Pure.
 */
import type { Tag } from './html-tag.ts'

type Place = { readonly kind: 'svg' | 'math' | 'html'; readonly name: string }

/** HTML within a drawing begins in these. */
const htmlWithin = {
  svg: new Set(['foreignobject', 'desc', 'title']),
  math: new Set(['mi', 'mo', 'mn', 'ms', 'mtext']),
}
/** And ends all drawings before these. */
const breakouts = new Set(
  (
    'b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing ' +
    'menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var'
  ).split(' '),
)
/** As deep as browsers nest. */
const maxDepth = 512

export class ForeignContent {
  readonly #places: Place[] = []

  get isWithin(): boolean {
    return this.#kind !== 'html'
  }

  /** The next tag of the page; true: it is part of a drawing. */
  pass(tag: Tag): boolean {
    if (tag.isEnd) this.#close(tag)
    else if (this.isWithin) return this.#openWithin(tag)
    else if (tag.name === 'svg' || tag.name === 'math') this.#push(tag.name, tag)
    else if (tag.name === this.#places.at(-1)?.name) this.#push('html', tag)
    return this.isWithin
  }

  get #kind(): Place['kind'] {
    return this.#places.at(-1)?.kind ?? 'html'
  }

  #push(kind: Place['kind'], { name, isSelfClosing }: Tag): void {
    if (!isSelfClosing && this.#places.length < maxDepth) this.#places.push({ kind, name })
  }

  #openWithin(tag: Tag): boolean {
    const kind = this.#kind
    if (isBreakout(tag)) {
      this.#leaveAll()
      return false
    }
    if (kind !== 'html' && beginsHtml(tag, kind)) this.#push('html', tag)
    else if (tag.name === kind) this.#push(kind, tag)
    // An `<svg>` of an annotation is SVG, though the annotation itself is not HTML.
    else if (kind === 'math' && tag.name === 'annotation-xml') this.#push('math', tag)
    else if (tag.name === 'svg' && this.#places.at(-1)?.name === 'annotation-xml')
      this.#push('svg', tag)
    return true
  }

  #close({ name }: Tag): void {
    if (this.isWithin && (name === 'p' || name === 'br')) this.#leaveAll()
    else if (this.#places.at(-1)?.name === name) this.#places.pop()
  }

  #leaveAll(): void {
    while (this.isWithin) this.#places.pop()
  }
}

function isBreakout({ name, attributes }: Tag): boolean {
  const isFont = name === 'font' && attributes.some((one) => /^(color|face|size)$/.test(one.name))
  return isFont || breakouts.has(name)
}

function beginsHtml(tag: Tag, kind: 'svg' | 'math'): boolean {
  if (htmlWithin[kind].has(tag.name)) return true
  const encoding = tag.attributes.find(({ name }) => name === 'encoding')
  const value = encoding && tag.raw.slice(encoding.valueStart, encoding.valueEnd)
  const isHtml = /^(text\/html|application\/xhtml\+xml)$/i.test(value ?? '')
  return kind === 'math' && tag.name === 'annotation-xml' && isHtml
}
