/** The title of a page that a device wrote: untrusted text, of which a short, clean line is kept. Pure. */

const maxPageChars = 64 * 1024
const maxTitleChars = 120
const entities: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' },
}

/** undefined: none in the first 64 KiB. */
export function titleOf(page: string): string | undefined {
  const head = page.slice(0, maxPageChars)
  // Plain searches instead of one expression: a page of "<title<title…" must not take seconds.
  const lower = head.toLowerCase()
  const open = lower.indexOf('<title')
  const start = open < 0 ? -1 : lower.indexOf('>', open)
  const end = start < 0 ? -1 : lower.indexOf('</title', start)
  if (end < 0) return undefined
  const text = head
    .slice(start + 1, Math.min(end, start + 1 + maxTitleChars * 8))
    .replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{1,8});/gi, decoded)
    // A lone surrogate would not survive the way as UTF-8.
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
  const title = [...text].slice(0, maxTitleChars).join('')
  return title === '' ? undefined : title
}

function decoded(whole: string, name: string): string {
  if (!name.startsWith('#')) return entities[name.toLowerCase()] ?? whole
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  return code <= 0x10ffff ? String.fromCodePoint(code) : whole
}
