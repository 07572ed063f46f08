/**
 * Takes the secrets out of a body by the names that stand before them, whatever the body calls itself: a device that says
 * `text/plain` sends JSON all the same, and the beginning of a cut body can be no parser's. Works on text of single bytes
 * (latin1), so what is not a secret keeps its bytes. Rather too much than too little.
 */
import { isSecretName, redacted } from '@travessia/schemas/redact'
import { redactText } from './redact-text.ts'

/** Pictures and the like: nothing there has a name before it. */
const binary = /^\s*(image\/(?!svg)|audio\/|video\/|font\/)/i
const foreignCharset = /charset\s*=\s*"?(utf-?(7|16|32)|(iso-10646-)?ucs|ibm|ebcdic|cp-?037)/i
/** Letters with zeros between them. */
const wide = /(?:[\x20-\x7e]\0){4}|(?:\0[\x20-\x7e]){4}/
const code = /^\s*[\w.-]+\/(?:[\w.-]+\+)?(?:x-)?((java|ecma)script|css)\b/i
const formType = /^\s*application\/x-www-form-urlencoded/i
/** Said by nothing but itself. */
const formStart = /^(?![\s<{["'])[^=&\r\n]{1,200}=/
const multipart = /^\s*multipart\//i
const multipartStart = /^\s{0,4}--([^\r\n]{1,200})\r?\ncontent-/i
const encodedPart = /^content-transfer-encoding:\s*(?!7bit|8bit|binary)\S/im
/** A form in a field of a form, and so on. */
const maxDepth = 4

export type RedactedBody = {
  readonly bytes: Buffer
  /** Something was taken out, and not only a file. */
  readonly hadSecret: boolean
}
type Redacted = { readonly text: string; readonly hadSecret: boolean }

/** @throws RangeError: its names cannot be seen, or not where its secrets end */
export function redactBody(bytes: Buffer, mediaType: string): RedactedBody {
  if (binary.test(mediaType) && isBinary(bytes)) return { bytes, hadSecret: false }
  const text = bytes.toString('latin1')
  if (isWide(bytes)) throw unreadable()
  const clean = redactTyped(text, mediaType)
  const { hadSecret } = clean
  return { bytes: clean.text === text ? bytes : Buffer.from(clean.text, 'latin1'), hadSecret }
}

function unreadable(): RangeError {
  return new RangeError('names cannot be seen')
}

function isBinary(bytes: Buffer): boolean {
  return bytes.subarray(0, 1024).includes(0)
}

function isWide(bytes: Buffer): boolean {
  return bytes.length >= 2 && [0xfffe, 0xfeff].includes(bytes.readUInt16BE(0))
}

function redactTyped(text: string, mediaType: string, depth = 0): Redacted {
  const boundary = boundaryOf(text, mediaType)
  if (boundary !== undefined) return redactParts(text, { boundary, depth })
  if (foreignCharset.test(mediaType) || wide.test(text)) throw unreadable()
  const isForm = formType.test(mediaType)
  const fields = isForm || formStart.test(text) ? redactForm(text, { isForm, depth }) : text
  const clean = redactText(fields, code.test(mediaType) ? 'code' : undefined)
  return { text: clean, hadSecret: clean !== text }
}

function redactForm(text: string, { isForm, depth }: { isForm: boolean; depth: number }): string {
  return text
    .split(isForm ? /(&)/ : /([&\r\n])/)
    .map((field) => {
      const mark = field.indexOf('=')
      if (mark < 0) return field
      const [name, value] = [field.slice(0, mark), field.slice(mark + 1)]
      return `${name}=${isSecretName(name) ? redacted : redactField(value, depth)}`
    })
    .join('')
}

/** What a field holds may be JSON, or a form. */
function redactField(value: string, depth: number): string {
  if (!value.includes('%')) return value
  if (depth >= maxDepth) return redacted
  const plain = value
    .replaceAll('+', ' ')
    .replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const clean = redactTyped(plain, '', depth + 1)
  return clean.hadSecret ? encodeURIComponent(clean.text) : value
}

/** Files keep their heads, fields are treated like the pairs of a form. */
function redactParts(
  text: string,
  { boundary, depth }: { boundary: string; depth: number },
): Redacted {
  let hadSecret = false
  const parts = `\n${text}`.split(`\n--${boundary}`).map((part) => {
    const clean = redactPart(part, depth)
    hadSecret ||= clean.hadSecret
    return clean.text
  })
  return { text: parts.join(`\n--${boundary}`).slice(1), hadSecret }
}

function redactPart(part: string, depth: number): Redacted {
  const blank = /\r?\n\r?\n/.exec(part)
  if (!blank && depth >= maxDepth) throw unreadable()
  if (!blank) return redactTyped(part, '', depth + 1)
  const head = part.slice(0, blank.index)
  const [content = '', end = ''] = split(part.slice(blank.index + blank[0].length))
  const clean = redactContent(head, content, depth)
  return { text: `${head}${blank[0]}${clean.text}${end}`, hadSecret: clean.hadSecret }
}

function redactContent(head: string, content: string, depth: number): Redacted {
  const name = /\bname\s*=\s*(?:"((?:[^"\\]|\\.)*)|([^";\s]*))/i.exec(head)
  if (isSecretName(name?.[1] ?? name?.[2] ?? '')) return { text: redacted, hadSecret: true }
  const isFile = /\bfilename\*?\d*\*?\s*=/i.test(head)
  if (isFile || encodedPart.test(head) || depth >= maxDepth)
    return { text: `[${content.length} bytes left out]`, hadSecret: false }
  return redactTyped(content, /^content-type:\s*([^\r\n]*)/im.exec(head)?.[1] ?? '', depth + 1)
}

/** The line break before a delimiter is part of that; its `\n` is gone already. */
function split(content: string): [string, string] {
  return content.endsWith('\r') ? [content.slice(0, -1), '\r'] : [content, '']
}

/** @throws RangeError: it says that it has one, and has not */
function boundaryOf(text: string, mediaType: string): string | undefined {
  const seen = multipartStart.exec(text)?.[1]
  if (!multipart.test(mediaType)) return seen?.trim()
  const said = /boundary\s*=\s*(?:"([^"]{1,200})"|([^";\s]{1,200}))/i.exec(mediaType)
  const boundary = said?.[1] ?? said?.[2]
  if (boundary !== undefined && `\n${text}`.includes(`\n--${boundary}`)) return boundary
  if (text.trim() === '') return undefined
  throw new RangeError('a form without its boundary')
}
