/** Secrets of HTML and XML: what a tag that is named so holds, or the value that stands beside such a name in a tag. */
import { isSecretName, redacted } from '@travessia/schemas/redact'
import type { Secrets } from './redact-text.ts'

/** From each `<`, whatever quotes it stands in. */
const tagAt = /<(?=(\/?)([\w:.-]{1,100})(?=[\s/>])((?:[^<>"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*)(>?))/g
const attribute =
  /(?<![\w:@.-])([\w:@.-]{1,60})(\s{0,20}=\s{0,20})(?:"([^"]*)"?|'([^']*)'?|\\{1,3}["']([^"'\\]*)|([^\s"'<>\\]+))/g
/** A comparison of a script may look like the beginning of a tag. */
const wellFormed = /^(?:\s+[\w:@.-]{1,100}(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)*\s*$/
const naming = /^(name|id|key|type|itemprop|property|autocomplete)$/i
const holding = /^(value|content|default)$/i
const empty = /^(input|meta|link|img|br|hr|source|area|base|col|embed|param|track|wbr)$/i
/** Of a property list, or of XML-RPC: the next element is the value. */
const nameElement = /^(key|name|id|param|field)$/i
const wholeElement = /^(textarea|select|datalist|output)$/i
const cdata = /\s*<!\[CDATA\[/y

type Tag = {
  readonly isEnd: boolean
  readonly name: string
  readonly attributes: string
  /** Of its attributes, and behind it. */
  readonly at: number
  readonly end: number
  readonly isEmpty: boolean
}

export function findInTags(secrets: Secrets): void {
  const tags = tagsOf(secrets)
  for (const [i, tag] of tags.entries()) {
    if (tag.isEnd) continue
    const attributes = attributesOf(tag)
    const isSaid = attributes.some(({ name, value }) => naming.test(name) && isSecretName(value))
    for (const { name, from, to } of attributes)
      if (isSaid && holding.test(name)) secrets.add(from, to, `"${redacted}"`)
    if (!tag.isEmpty) findContent(secrets, tags, { i, isSaid })
  }
}

function findContent(
  secrets: Secrets,
  tags: readonly Tag[],
  { i, isSaid }: { i: number; isSaid: boolean },
): void {
  const { name, attributes } = tags[i] as Tag
  const isNamed = isSecretName(name) && wellFormed.test(attributes)
  if (isNamed || (isSaid && wholeElement.test(name))) hide(secrets, tags, i)
  else if (isSaid) hideText(secrets, (tags[i] as Tag).end)
  if (nameElement.test(name) && saysName(secrets.text, tags, i)) hide(secrets, tags, i + 2)
}

function tagsOf(secrets: Secrets): Tag[] {
  const tags: Tag[] = []
  for (const found of secrets.text.matchAll(tagAt)) {
    const [, slash = '', said = '', attributes = '', close = ''] = found
    secrets.read(attributes.length)
    const at = found.index + 1 + slash.length + said.length
    const end = at + attributes.length + close.length
    const name = said.slice(said.lastIndexOf(':') + 1)
    const isEmpty = attributes.endsWith('/') || empty.test(name)
    tags.push({ isEnd: slash !== '', name, attributes, at, end, isEmpty })
  }
  return tags
}

function attributesOf({ attributes, at }: Tag) {
  return [...attributes.matchAll(attribute)].map((found) => {
    const [whole, name = '', mark = '', ...values] = found
    const from = at + found.index + name.length + mark.length
    return {
      name,
      value: values.find((one) => one !== undefined) ?? '',
      from,
      to: at + found.index + whole.length,
    }
  })
}

/** All that stands in an element: to its end tag, or that of the text. */
function hide(secrets: Secrets, tags: readonly Tag[], i: number): void {
  const tag = tags[i]
  if (!tag || tag.isEnd || tag.isEmpty) return
  const from = tag.end
  const behind = cdataEnd(secrets, from) ?? from
  let depth = 1
  for (let next = i + 1; next < tags.length; next += 1) {
    const other = tags[next] as Tag
    secrets.read(1)
    if (other.at < behind || other.name !== tag.name || other.isEmpty) continue
    depth += other.isEnd ? -1 : 1
    if (depth === 0) return secrets.add(from, secrets.text.lastIndexOf('<', other.at))
  }
  secrets.add(from, secrets.text.length)
}

function hideText(secrets: Secrets, from: number): void {
  const next = secrets.text.indexOf('<', from)
  const to = cdataEnd(secrets, from) ?? (next < 0 ? secrets.text.length : next)
  if (secrets.text.slice(from, to).trim() !== '') secrets.add(from, to)
}

function cdataEnd(secrets: Secrets, from: number): number | undefined {
  const { text } = secrets
  cdata.lastIndex = from
  if (!cdata.test(text)) return undefined
  const found = text.indexOf(']]>', from)
  const end = found < 0 ? text.length : found + 3
  secrets.read(end - from)
  return end
}

function saysName(text: string, tags: readonly Tag[], i: number): boolean {
  const [tag, next] = [tags[i], tags[i + 1]]
  if (!tag || !next?.isEnd || next.name !== tag.name) return false
  const said = text.slice(tag.end, text.indexOf('<', tag.end)).trim()
  return said.length <= 200 && isSecretName(said)
}
