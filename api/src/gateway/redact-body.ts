/**
 * Takes the secrets out of a body by the names that stand before them, whatever the body calls itself: a device that says
 * `text/plain` sends JSON all the same, and the beginning of a cut body can be no parser's. Works on text of single bytes
 * (latin1), so what is not a secret keeps its bytes. Rather too much than too little.
 */
import { isSecretName, redacted } from '@travessia/schemas/redact'

/** Pictures and the like: nothing there has a name before it. */
const binary = /^(image\/(?!svg)|audio\/|video\/|font\/)/
const headerName = /^(proxy-)?authorization$|^(set-)?cookie$/i
/** `"name":`, also `'name':` and, where JSON stands in JSON, `\"name\":`. */
const member = /(\\{0,3}["'])([^"'\\\r\n]{1,100})\1\s{0,20}:\s{0,20}/g
const string = /(?:[^"\\]|\\[\s\S])*/y
const singleQuoted = /(?:[^'\\]|\\[\s\S])*/y
const literal = /[^,}\]\s]*/y
const pair = /(^|[?&;\r\n]|["'>\s](?=[\w.-]{1,60}=[^"'<>\s]))([\w.%[\]+-]{1,100})=([^&;\s"'<>]*)/g
const formPair = /(^|[&\r\n])([^=&\r\n]{1,200})=([^&\r\n]*)/g
const userInUrl = /(\/\/)[^/?#@\s"'<>]{1,300}@/g
const attribute = /(?<![\w:-])([\w:-]{1,100})(\s{0,5}=\s{0,5})("[^"]*"?|'[^']*'?)/g
const input = /<(?:input|meta)\b[^<>]{0,4000}>/gi
const element = /<((?:[\w-]{1,60}:)?[\w-]{1,100})((?:\s[^<>]{0,1000})?)>([^<]*)(?=<\/)/g

export function redactBody(bytes: Buffer, mediaType: string): Buffer {
  if (binary.test(mediaType) && isBinary(bytes)) return bytes
  const text = bytes.toString('latin1')
  const boundary = boundaryOf(mediaType)
  const clean = boundary === undefined ? redactText(text) : redactParts(text, boundary)
  return clean === text ? bytes : Buffer.from(clean, 'latin1')
}

/** Text in UTF-16 hides its names from us. */
export function isReadable(bytes: Buffer, mediaType: string): boolean {
  const isWide = bytes.length >= 2 && [0xfffe, 0xfeff].includes(bytes.readUInt16BE(0))
  return !isWide && !/charset="?utf-?(16|32)|ucs-?2/i.test(mediaType)
}

function isBinary(bytes: Buffer): boolean {
  return bytes.subarray(0, 1024).includes(0)
}

function redactText(text: string): string {
  const pairs = /^[\w.%[\]+-]{1,200}=/.test(text) ? formPair : pair
  return redactMembers(text)
    .replace(userInUrl, `$1${redacted}@`)
    .replace(pairs, (whole, mark: string, name: string) =>
      isSecret(decoded(name)) ? `${mark}${name}=${redacted}` : whole,
    )
    .replace(attribute, (whole, name: string, mark: string) =>
      isSecret(name) ? `${name}${mark}"${redacted}"` : whole,
    )
    .replace(input, (tag) => (isSecretInput(tag) ? withoutValue(tag) : tag))
    .replace(element, (whole, name: string, attributes: string, content: string) =>
      content !== '' && isSecret(name) ? `<${name}${attributes}>${redacted}` : whole,
    )
}

/** Values of any form: a string, an object with all that is in it, a number. */
function redactMembers(text: string): string {
  let clean = ''
  let from = 0
  member.lastIndex = 0
  for (let found = member.exec(text); found; found = member.exec(text)) {
    const [, quote = '', name = ''] = found
    if (!isSecret(name)) continue
    const start = member.lastIndex
    const end = valueEnd(text, start, quote)
    clean += `${text.slice(from, start)}${quote}${redacted}${quote}`
    from = end
    member.lastIndex = end
  }
  return clean + text.slice(from)
}

function valueEnd(text: string, start: number, quote: string): number {
  const isEscaped = quote.length > 1
  if (isEscaped && text.startsWith(quote, start)) {
    const end = text.indexOf(quote, start + quote.length)
    return end < 0 ? text.length : end + quote.length
  }
  const first = text[start]
  if (first === '"' || first === "'") return Math.min(stringEnd(text, start), text.length)
  if (first === '{' || first === '[') return nestedEnd(text, start)
  return matchEnd(literal, text, start)
}

/** Behind the closing quote. */
function stringEnd(text: string, start: number): number {
  return matchEnd(text[start] === '"' ? string : singleQuoted, text, start + 1) + 1
}

function nestedEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    const char = text[at]
    if (char === '"') at = stringEnd(text, at) - 1
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
    if (depth === 0) return at + 1
  }
  return text.length
}

function matchEnd(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at
  return expression.test(text) ? expression.lastIndex : at
}

/** Files keep their heads, fields are treated like the pairs of a form. */
function redactParts(text: string, boundary: string): string {
  return text
    .split(`--${boundary}`)
    .map((part) => {
      const headEnd = part.indexOf('\r\n\r\n')
      if (headEnd < 0) return part
      const head = part.slice(0, headEnd)
      const content = part.slice(headEnd + 4).replace(/\r\n$/, '')
      const name = /\bname="?([^";\r\n]*)/i.exec(head)?.[1] ?? ''
      const isFile = /\bfilename\*?=/i.test(head)
      const kept = isFile ? `[${content.length} bytes left out]` : fieldOf(name, content)
      return `${head}\r\n\r\n${kept}${part.endsWith('\r\n') ? '\r\n' : ''}`
    })
    .join(`--${boundary}`)
}

function fieldOf(name: string, content: string): string {
  return isSecret(name) ? redacted : redactText(content)
}

function boundaryOf(mediaType: string): string | undefined {
  if (!/^multipart\/form-data/i.test(mediaType)) return undefined
  return /boundary="?([^";]{1,200})/i.exec(mediaType)?.[1]?.trim()
}

function isSecretInput(tag: string): boolean {
  return [...tag.matchAll(/\b(type|name|id)\s*=\s*["']?([\w-]+)/gi)].some(([, , said = '']) =>
    isSecret(said),
  )
}

function withoutValue(tag: string): string {
  return tag.replace(/(\b(?:value|content)\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)/gi, `$1"${redacted}"`)
}

function isSecret(name: string): boolean {
  return isSecretName(name) || headerName.test(name)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
