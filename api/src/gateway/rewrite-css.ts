/** Addresses in style sheets: `url(/…)` and `@import "/…"`. Comments and other strings stay. Pure. */
import type { PublicView } from './public-address.ts'
import { rewriteAddress } from './rewrite-address.ts'

/**
 * One token at a time: a comment; what stands before an address, and its string; `url(` without quotes (in attributes
 * with entities for them). A string that is not closed ends as in CSS, with its line or the sheet: nothing is read
 * twice.
 */
const token =
  /\/\*[\s\S]*?(?:\*\/|$)|(url\(\s*|@import\s+)?(?:"((?:\\[\s\S]?|[^\\\n"])*)|'((?:\\[\s\S]?|[^\\\n'])*))["']?|(url\(\s*(?:&quot;|&apos;|&#3[49];)?)([^"'()\s]*)/gi

export function rewriteCss(css: string, view: PublicView): string {
  return css.replace(token, (whole: string, ...groups: Array<string | undefined>) => {
    const [before, double, single, bare, address = ''] = groups
    if (bare !== undefined) return bare + rewriteAddress(address, view)
    const text = double ?? single
    if (before === undefined || text === undefined) return whole
    const start = before.length + 1
    return whole.slice(0, start) + rewriteAddress(text, view) + whole.slice(start + text.length)
  })
}
