/**
 * A page cut into its text, tags and all else, by the tokenizer of the HTML standard (13.2.5) as far as it decides
 * where a tag is one. It takes the page in pieces and holds nothing but one tag or the beginning of a mark; the
 * pieces that it gives are the page, byte for byte. Linear in time. Pure.
 */
import { ForeignContent } from './html-foreign.ts'
import { type Tag, TagReader } from './html-tag.ts'

/** `text`: what an element shows or, in `<style>` and `<script>`, holds; `other`: comments and the like. */
export type Piece =
  | { readonly kind: 'text' | 'other'; readonly text: string }
  | { readonly kind: 'tag'; readonly text: string; readonly tag: Tag }

type Mode = 'data' | 'bogus' | 'comment' | 'cdata' | 'tag' | 'raw' | 'script' | 'plaintext'

/** Their text ends with their own end tag only; `noscript` as where scripts run. */
const rawEnds: ReadonlyMap<string, RegExp> = new Map(
  'title textarea style xmp iframe noembed noframes noscript'
    .split(' ')
    .map((name) => [name, new RegExp(`</${name}[\\t\\n\\f\\r />]`, 'gi')]),
)
const longestRawEnd = '</textarea>'.length
/** The ends of what is not a tag, and how much of one may stand at the end of a piece. */
const ends = {
  bogus: { pattern: />/g, partial: 0, kind: 'other' },
  comment: { pattern: /--!?>/g, partial: 3, kind: 'other' },
  cdata: { pattern: /\]\]>/g, partial: 2, kind: 'text' },
} as const
const scriptMarks = /<!--|-->|<(\/?)script[\t\n\f\r />]/gi
const longestScriptMark = '</script>'.length

export class HtmlPieces {
  readonly #maxTagLength: number
  readonly #foreign = new ForeignContent()
  #mode: Mode = 'data'
  #pieces: Piece[] = []
  #text = ''
  #at = 0
  #tag: TagReader
  #rawEnd = />/g
  /** Of a script: within `<!--`, and within a `<script>` there. */
  #escape: 'none' | 'escaped' | 'double' = 'none'

  /** A tag that is longer passes as `other`. */
  constructor(maxTagLength: number) {
    this.#maxTagLength = maxTagLength
    this.#tag = new TagReader(maxTagLength)
  }

  read(chunk: string): Piece[] {
    this.#text = this.#text.slice(this.#at) + chunk
    this.#at = 0
    while (this.#at < this.#text.length && this.#step());
    return this.#taken()
  }

  /** What is still held: the page has ended, or the rest of it is of no interest. */
  end(): Piece[] {
    this.#push('other', this.#tag.takeRaw())
    this.#pass(this.#mode === 'raw' ? 'text' : 'other', this.#text.length)
    return this.#taken()
  }

  #taken(): Piece[] {
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  /** false: more of the page is needed. */
  #step(): boolean {
    switch (this.#mode) {
      case 'data':
        return this.#readData()
      case 'tag':
        return this.#readTag()
      case 'raw':
        return this.#readRaw()
      case 'script':
        return this.#readScript()
      case 'plaintext':
        return this.#pass('text', this.#text.length)
      default:
        return this.#readUntil(ends[this.#mode])
    }
  }

  #push(kind: 'text' | 'other', text: string): void {
    if (text !== '') this.#pieces.push({ kind, text })
  }

  #pass(kind: 'text' | 'other', to: number): true {
    this.#push(kind, this.#text.slice(this.#at, to))
    this.#at = to
    return true
  }

  /** Beyond it nothing is known yet; never back. */
  #passAsFarAs(kind: 'text' | 'other', to: number): false {
    this.#pass(kind, Math.max(this.#at, to))
    return false
  }

  #become(mode: Mode): true {
    this.#mode = mode
    return true
  }

  #readData(): boolean {
    const from = this.#text.indexOf('<', this.#at)
    this.#pass('text', from < 0 ? this.#text.length : from)
    return from < 0 || this.#open()
  }

  /** At a `<`. */
  #open(): boolean {
    const start = this.#text.slice(this.#at, this.#at + 9)
    if (/^<\/?[a-z]/i.test(start)) return this.#openTag()
    if (start === '<' || start === '</') return false
    if (start.startsWith('</>')) return this.#pass('other', this.#at + 3)
    if (start.startsWith('<!')) return this.#openDeclaration(start)
    return /^<[/?]/.test(start) ? this.#become('bogus') : this.#pass('text', this.#at + 1)
  }

  #openTag(): true {
    this.#tag = new TagReader(this.#maxTagLength)
    return this.#become('tag')
  }

  #openDeclaration(start: string): boolean {
    const abrupt = /^<!---?>/.exec(start)?.[0]
    if (abrupt) return this.#pass('other', this.#at + abrupt.length)
    const isCdata = this.#foreign.isWithin && start === '<![CDATA['
    if (isCdata) return this.#pass('text', this.#at + 9) && this.#become('cdata')
    const mayBecomeCdata = this.#foreign.isWithin && '<![CDATA['.startsWith(start)
    if (mayBecomeCdata || '<!---'.startsWith(start)) return false
    if (!start.startsWith('<!--')) return this.#become('bogus')
    return this.#pass('other', this.#at + 4) && this.#become('comment')
  }

  #readUntil({ pattern, partial, kind }: (typeof ends)[keyof typeof ends]): boolean {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return this.#passAsFarAs(kind, this.#text.length - partial)
    return this.#pass(kind, pattern.lastIndex) && this.#become('data')
  }

  #readTag(): boolean {
    const end = this.#tag.read(this.#text, this.#at)
    this.#at = end ?? this.#text.length
    if (end === undefined) {
      if (this.#tag.isLarge) this.#push('other', this.#tag.takeRaw())
      return false
    }
    const tag = this.#tag.take()
    this.#pieces.push({ kind: 'tag', text: tag.raw, tag })
    const isForeign = this.#foreign.pass(tag)
    return this.#become(isForeign || tag.isEnd ? 'data' : this.#modeAfter(tag))
  }

  #modeAfter({ name }: Tag): Mode {
    this.#escape = 'none'
    this.#rawEnd = rawEnds.get(name) ?? this.#rawEnd
    if (rawEnds.has(name)) return 'raw'
    return name === 'script' || name === 'plaintext' ? name : 'data'
  }

  #readRaw(): boolean {
    this.#rawEnd.lastIndex = this.#at
    const end = this.#rawEnd.exec(this.#text)
    if (!end) return this.#passAsFarAs('text', this.#text.length - longestRawEnd)
    return this.#pass('text', end.index) && this.#openTag()
  }

  /** Script data with its escaped and double escaped states: a `</script>` within `<!-- <script>` ends nothing. */
  #readScript(): boolean {
    scriptMarks.lastIndex = this.#at
    const mark = scriptMarks.exec(this.#text)
    if (!mark) return this.#passAsFarAs('text', this.#text.length - longestScriptMark)
    const [text, slash] = mark
    const isEnd = slash === '/' && this.#escape !== 'double'
    if (isEnd) return this.#pass('text', mark.index) && this.#openTag()
    if (text === '-->') this.#escape = 'none'
    else if (text === '<!--') this.#escape = this.#escape === 'none' ? 'escaped' : this.#escape
    else if (slash === '/') this.#escape = 'escaped'
    else if (this.#escape === 'escaped') this.#escape = 'double'
    // The dashes that open may close, too: `<!-->`.
    return this.#pass('text', mark.index + (text === '<!--' ? 2 : text.length))
  }
}
