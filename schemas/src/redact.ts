/**
 * What is secret by the name that stands before it, in headers, addresses and bodies. Used by logs, events and captured
 * bodies; the text that stands in for a secret is always the same, so that a reader sees that something was there.
 */
export const redacted = '[redacted]'

const words = 'pass|pwd|psk|secret|token|key|otp|session|sessid|credential|senha|jwt|authori[sz]'
/** `auth`, but no author and no authority. */
const secretName = new RegExp(
  `${words}|auth(?!or)|pin$|^pin|signature$|ticket$|^(sid|sig|cookie|set-cookie)$`,
  'i',
)
/** Where none of it stands, there is no such name. */
const mayBeNamed = new RegExp(
  `${words}|auth|pin|sig|ticket|sid|cookie|%[2-7][\\da-f]|\\\\[ux]|&#`,
  'i',
)
const coded = /%([\da-f]{2})|\\+u([\da-f]{4})|\\+x([\da-f]{2})|&#x([\da-f]{1,6});/gi
/** A parameter of an address that is a parameter of an address, and so on. */
const maxDepth = 4
/** Pages put a bearer token there. */
const protocolHeader = 'sec-websocket-protocol'

/** However its letters are written: `pass%77ord`, `pa\u0073sword`. */
export function isSecretName(name: string): boolean {
  if (secretName.test(name)) return true
  let plain = name
  for (let depth = 0; depth < maxDepth && /[%\\&]/.test(plain); depth += 1)
    plain = plain
      .replace(/&#(\d{1,7});/g, (_, code: string) => letter(Number(code)))
      .replace(coded, (_, ...codes) => letter(Number.parseInt(codes.slice(0, 4).join(''), 16)))
  return plain !== name && secretName.test(plain)
}

function letter(code: number): string {
  return code <= 0xff_ff ? String.fromCharCode(code) : ''
}

/** A first look at a whole text: false where no secret name can be in it. */
export function mayHoldSecretName(text: string): boolean {
  return mayBeNamed.test(text)
}

/** Names of headers that were judged already: the same few come with every request. */
const judged = new Map<string, boolean>()
const maxJudged = 1_000
const maxJudgedLength = 64

function isSecretHeader(name: string): boolean {
  const known = judged.get(name)
  if (known !== undefined) return known
  const isSecret = name === protocolHeader || isSecretName(name)
  if (judged.size >= maxJudged) judged.clear()
  if (name.length <= maxJudgedLength) judged.set(name, isSecret)
  return isSecret
}

/** Flat `[name, value, …]` headers, names in lower case, with the values of secret ones replaced. */
export function redactHeaders(headers: readonly string[]): string[] {
  const clean: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    clean.push(name)
    const value = headers[i + 1]
    if (value !== undefined) clean.push(isSecretHeader(name) ? redacted : redactUrl(value))
  }
  return clean
}

/** Without one of these nothing in an address has a name or a user. */
const mayHold = /[=@]|["']\s?:|%(?:25){0,3}(?:3D|40|3A|2[27]:)/i
/** Not `\s`: bytes of a letter are no blanks. */
const user = /(\/\/)[^/?# \t\r\n]+@/g
const codedUser = /(%((?:25){0,3})2F%\2(?:2F))(?:[^/?# \t\r\n&%]|%(?!\2(?:2F|3F|23)))+(%\2(?:40))/gi
/** What separates names and values, once and several times encoded; `":` stands behind a name of JSON. */
const marks =
  /["']\s?:|%(?:25){0,3}2[27](?::|%(?:25){0,3}3A)|[?&;#=]|%(?:25){0,3}(?:3F|26|3B|23|3D)/gi
const nextPair = /\s{0,2}[\w.-]{1,60}=/y

/**
 * A request target, URL or value of a header: values of secret parameters and `user:password@` replaced, in addresses within
 * the address too, all else byte for byte.
 */
export function redactUrl(url: string): string {
  if (!mayHold.test(url)) return url
  const clean = url.replace(user, `$1${redacted}@`).replace(codedUser, `$1${redacted}$3`)
  return mayHoldSecretName(clean) ? redactPairs(clean) : clean
}

function redactPairs(text: string): string {
  let clean = ''
  let from = 0
  let nameAt = 0
  /** How often the mark of the secret that we are in is encoded: one that is more often so belongs to the secret. */
  let hiding = -1
  for (const { 0: mark, index } of text.matchAll(marks)) {
    const next = index + mark.length
    const kind = kindOf(mark)
    if (hiding >= 0) {
      if (depthOf(mark) > hiding || !isEnd(kind, text, next)) continue
      from = index
      hiding = -1
    }
    if (next < text.length && isName(kind, text.slice(nameAt, index))) {
      clean += text.slice(from, next) + redacted
      hiding = kind === '=' ? depthOf(mark) : 0
    }
    nameAt = next
  }
  return hiding >= 0 ? clean : clean + text.slice(from)
}

const kinds: Readonly<Record<string, string>> = {
  '3F': '?',
  '26': '&',
  '3B': ';',
  '23': '#',
  '3D': '=',
}

function kindOf(mark: string): string {
  if (mark.length === 1) return mark
  return kinds[mark.slice(-2).toUpperCase()] ?? ':'
}

function depthOf(mark: string): number {
  return (mark.length - 1) / 2
}

function isName(kind: string, before: string): boolean {
  return (kind === '=' || kind === ':') && isSecretName(lastWord(before))
}

/** A `;` is of the secret, unless a name follows. */
function isEnd(kind: string, text: string, next: number): boolean {
  if (kind !== ';') return kind === '&' || kind === '#'
  nextPair.lastIndex = next
  return nextPair.test(text)
}

function lastWord(text: string): string {
  return text.split(/[\s,"'/<>(){}]|%(?:25){0,3}2[27F]/i).at(-1) ?? ''
}
