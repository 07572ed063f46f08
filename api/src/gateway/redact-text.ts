/**
 * Where secrets stand in a text. Each name is looked for on its own, whatever stands before it: quotes that were misread
 * hide no other name. What overlaps goes as one.
 */
import { isSecretName, mayHoldSecretName, redacted, redactUrl } from '@travessia/schemas/redact'
import { findInTags } from './redact-tags.ts'

/** `"name":`, also `'name' =>` and, where JSON stands in JSON, `\"name\":`. */
const quotedName = /(?=((\\{0,3}["'`])([^"'`\r\n]{1,200})\2\s{0,20}(?:=>|[:=])))["'`\\]/g
const bareName = /(?<![\w$-])(?=(([\w$][\w$.%\-[\]]{0,60})[ \t]{0,20}(=>?|:)))[\w$]/g
/** Of a file of settings. */
const line = /^([ \t]*(?:- +)?)([^\s:=<>{}"'&,;()[\]][^:=\r\n<>{}"'&;()]{0,100})[:=]/gm
/** `"name": "password", "value": "x"`: a name that is a value itself. */
const namedValue =
  /["'](?:name|key|id|field|param|type)["']\s{0,20}:\s{0,20}["']([^"'\r\n]{1,200})["']\s{0,20},\s{0,20}["']value["']\s{0,20}:/gi
/** An address, or a part of one. Not `\s`: one byte of a letter is no blank. */
const word = /url\([^ \t\r\n"'<>`)]*|(?:(?!url\()[^ \t\r\n"'<>`])+/gi
/** Bytes of a picture, or rules of a style sheet: there `key=` is no name. */
const noAddress = /^(?:url\()?data:[^,]*;base64,|^[^?]*\{/i
const markup = /^(?:\xef\xbb\xbf)?\s*</
const opening = /\\{0,3}["'`]/y
const string = /(?:[^"\\]|\\[\s\S])*/y
const singleQuoted = /(?:[^'\\]|\\[\s\S])*/y
const template = /(?:[^`\\]|\\[\s\S])*/y
const blanks = /[ \t]*/y
const space = /\s{0,40}/y
const restOfLine = /[^\r\n]*/y
const restBeforeTag = /[^\r\n<]*/y
const lineOfForm = /(?:[^\r\n&]|&(?![^=&\s]{1,100}=))*/y
const indented = /(?:\r?\n[ \t]*(?=\r?\n))*\r?\n([ \t]*)[^\s][^\r\n]*/y

/** How a value without quotes ends, behind `:`. */
const bareEnds = {
  text: /[^,}\]\r\n]*/y,
  markup: /[^,;}\]\r\n<]*/y,
  /** There it is no value, but for a number. */
  code: /(?:\d[\w.]*)?/y,
}
/** Behind `=`. */
const bareWord = /[^ \t\r\n"'`<>,;&(){}]*/y
export type TextKind = keyof typeof bareEnds

type Span = { readonly from: number; readonly to: number; readonly put: string }

/** What is to be replaced, and how much was looked through for it. */
export class Secrets {
  readonly text: string
  readonly #spans: Span[] = []
  #leftToRead: number

  constructor(text: string) {
    this.text = text
    this.#leftToRead = 20 * text.length + 10_000
  }

  add(from: number, to: number, put = redacted): void {
    this.read(to - from)
    if (to > from) this.#spans.push({ from, to, put })
  }

  /** Made to be slow to read: it is not known where its secrets end. @throws RangeError */
  read(chars: number): void {
    this.#leftToRead -= chars
    if (this.#leftToRead < 0) throw new RangeError('too intricate')
  }

  replaced(): string {
    let clean = ''
    let at = 0
    for (const { from, to, put } of this.#spans.sort((a, b) => a.from - b.from)) {
      if (from >= at) clean += this.text.slice(at, from) + put
      at = Math.max(at, to)
    }
    return clean + this.text.slice(at)
  }
}

/** @throws RangeError: it is not known where its secrets end */
export function redactText(text: string, type: 'code' | undefined): string {
  if (!mayHoldSecretName(text) && !text.includes('@')) return text
  const kind = type ?? (markup.test(text) ? 'markup' : 'text')
  const secrets = new Secrets(redactAddresses(text))
  findQuoted(secrets, bareEnds[kind === 'code' ? 'text' : kind])
  findBare(secrets, kind)
  if (kind !== 'code') findLines(secrets, kind)
  findInTags(secrets)
  return secrets.replaced()
}

/** In a text of any kind; what is JSON stays JSON. */
export function redactAddresses(text: string): string {
  return text.replace(word, redactWord)
}

/** The escape of a quote that follows is no part of it. */
function redactWord(whole: string): string {
  if (noAddress.test(whole)) return whole
  let end = whole.length
  while (whole[end - 1] === '\\') end -= 1
  return redactUrl(whole.slice(0, end)) + whole.slice(end)
}

/** Values of any form: a string, an object with all that is in it, a number. */
function findQuoted(secrets: Secrets, bare: RegExp): void {
  const { text } = secrets
  for (const { index, 1: whole = '', 2: quote = '', 3: name = '' } of text.matchAll(quotedName)) {
    if (!isSecretName(name)) continue
    const { from, to } = valueAt(text, index + whole.length, bare)
    // JSON in JSON: there the string ends that all of it stands in.
    const isOuterEnd = quote.length > 1 && text[from] === '"'
    if (!isOuterEnd) secrets.add(from, to, `${quote}${redacted}${quote}`)
  }
  for (const { 0: whole, index, 1: name = '' } of text.matchAll(namedValue)) {
    if (!isSecretName(name)) continue
    const { from, to } = valueAt(text, index + whole.length, bare)
    secrets.add(from, to, `"${redacted}"`)
  }
}

function findBare(secrets: Secrets, kind: TextKind): void {
  const { text } = secrets
  for (const { index, 1: whole = '', 2: name = '', 3: mark } of text.matchAll(bareName)) {
    if (!isSecretName(name)) continue
    const bare = mark === ':' ? bareEnds[kind] : bareWord
    const { from, to, quote } = valueAt(text, index + whole.length, bare)
    secrets.add(from, to, `${quote}${redacted}${quote}`)
  }
}

/** To the end of the line, and what is further in below it. */
function findLines(secrets: Secrets, kind: TextKind): void {
  const { text } = secrets
  for (const { 0: whole, index, 1: indent = '', 2: name = '' } of text.matchAll(line)) {
    if (!isSecretName(name)) continue
    const behind = index + whole.length
    const from = matchEnd(blanks, text, behind)
    if (kind === 'markup') secrets.add(from, matchEnd(restBeforeTag, text, from))
    else {
      const isForm = whole.endsWith('=')
      const valueEnd = Math.max(
        matchEnd(isForm ? lineOfForm : restOfLine, text, from),
        isForm ? from : matchEnd(restOfLine, text, quotedEnd(text, from)),
      )
      const to = text[valueEnd] === '&' ? valueEnd : blockEnd(text, valueEnd, indent.length)
      secrets.add(from, to)
    }
  }
}

function quotedEnd(text: string, from: number): number {
  return /["']/.test(text[from] ?? '') ? Math.min(stringEnd(text, from), text.length) : from
}

function blockEnd(text: string, lineEnd: number, indent: number): number {
  let end = lineEnd
  for (;;) {
    indented.lastIndex = end
    const [, further = ''] = indented.exec(text) ?? []
    if (further.length <= indent) return end
    end = indented.lastIndex
  }
}

function valueAt(text: string, behind: number, bare: RegExp) {
  const onLine = matchEnd(blanks, text, behind)
  const next = matchEnd(space, text, onLine)
  const from = /["'`{[]/.test(text[next] ?? '') ? next : onLine
  opening.lastIndex = from
  const [quote = ''] = opening.exec(text) ?? []
  return { from, to: valueEnd(text, from, { quote, bare }), quote }
}

function valueEnd(
  text: string,
  from: number,
  { quote, bare }: { quote: string; bare: RegExp },
): number {
  if (quote.length > 1) {
    const end = text.indexOf(quote, from + quote.length)
    return end < 0 ? text.length : end + quote.length
  }
  if (quote !== '') return Math.min(stringEnd(text, from), text.length)
  if (text[from] === '{' || text[from] === '[') return nestedEnd(text, from)
  return matchEnd(bare, text, from)
}

/** Behind the closing quote. */
function stringEnd(text: string, start: number): number {
  const quote = text[start]
  const inner = quote === '"' ? string : quote === "'" ? singleQuoted : template
  return matchEnd(inner, text, start + 1) + 1
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
