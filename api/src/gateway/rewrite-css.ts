/** Addresses in style sheets: `url(/…)` and `@import "/…"`. Comments and other strings stay. Pure. */
import type { PublicView } from './public-address.ts'
import { addressEdit, type Edits, edited } from './rewrite-address.ts'

/** A larger sheet passes as it is; it is held whole, unlike a page. */
export const maxSheetBytes = 512 * 1024

/**
 * One token at a time: a comment; what stands before an address, and its string; `url(` without quotes (in XHTML
 * with entities for them). A string that is not closed ends as in CSS, with its line or the sheet: nothing is read
 * twice.
 */
const token =
  /\/\*[\s\S]*?(?:\*\/|$)|(url\(\s*|@import\s+)?(?:"((?:\\[\s\S]?|[^\\\n"])*)|'((?:\\[\s\S]?|[^\\\n'])*))["']?|(url\(\s*(?:&quot;|&apos;|&#3[49];)?)([^"'()\s]*)/gi

export function* cssEdits(css: string, view: PublicView): Edits {
  for (const match of css.matchAll(token)) {
    const [, before, double, single, bare, address = ''] = match
    const text = double ?? single
    if (bare !== undefined) yield addressEdit(address, view, match.index + bare.length)
    else if (before === undefined || text === undefined) yield undefined
    else yield addressEdit(text, view, match.index + before.length + 1)
  }
}

/** A sheet that comes in pieces. */
export class SheetRewriter {
  readonly #view: PublicView
  #held: string[] = []
  #length = 0

  constructor(view: PublicView) {
    this.#view = view
  }

  *read(chunk: string): Iterable<string> {
    this.#held.push(chunk)
    this.#length += chunk.length
    if (this.#length > maxSheetBytes) yield this.takeRaw()
  }

  *end(): Iterable<string> {
    const css = this.takeRaw()
    yield* edited(css, cssEdits(css, this.#view))
  }

  /** What is held, as it came. */
  takeRaw(): string {
    const css = this.#held.join('')
    this.#held = []
    return css
  }
}
