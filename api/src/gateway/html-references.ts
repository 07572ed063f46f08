/**
 * Character references in an attribute's value (HTML standard 13.2.5.72 to 13.2.5.80): `&#47;x` is an address, too.
 * Only ASCII has a meaning in what is mapped: references to other characters become U+FFFD or, named, stay. Pure.
 */

/** The named references to ASCII. */
const named: ReadonlyMap<string, string> = new Map([
  ['Tab', '\t'],
  ['NewLine', '\n'],
  ...(
    'excl! quot" QUOT" num# dollar$ percnt% amp& AMP& apos\' lpar( rpar) ast* midast* plus+ comma, period. sol/ ' +
    'colon: semi; lt< LT< equals= gt> GT> quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] Hat^ lowbar_ UnderBar_ ' +
    'grave` DiacriticalGrave` lcub{ lbrace{ verbar| vert| VerticalLine| rcub} rbrace}'
  )
    .split(' ')
    .map((pair) => [pair.slice(0, -1), pair.slice(-1)] as const),
])
/** They are references without `;`, too, unless `=` follows. */
const bare = /^(amp|AMP|lt|LT|gt|GT|quot|QUOT)$/
const reference = /&(?:#(x[\da-f]+|\d+);?|([a-z][\da-z]*)(;?))/gi

type Decoded = {
  readonly text: string
  /** The place in the value for one in the text. To be asked from the first to the last. */
  readonly placeOf: (at: number) => number
}

export function decode(value: string): Decoded {
  const references: Array<{ readonly at: number; readonly shift: number }> = []
  let text = ''
  let done = 0
  for (const match of value.matchAll(reference)) {
    const char = charOf(match, value)
    if (char === undefined) continue
    text += value.slice(done, match.index) + char
    done = match.index + match[0].length
    references.push({ at: text.length, shift: done - text.length })
  }
  let next = 0
  let shift = 0
  const placeOf = (at: number) => {
    for (let one = references[next]; one && one.at <= at; one = references[next]) {
      shift = one.shift
      next += 1
    }
    return at + shift
  }
  return { text: text + value.slice(done), placeOf }
}

/** undefined: not a reference to ASCII. */
function charOf(match: RegExpExecArray, value: string): string | undefined {
  const [whole, number, name = '', semicolon] = match
  if (number !== undefined) {
    const code = Number(/^x/i.test(number) ? `0${number}` : number)
    return code > 0 && code < 0x80 ? String.fromCharCode(code) : '\ufffd'
  }
  const isReference =
    semicolon === ';' || (bare.test(name) && value[match.index + whole.length] !== '=')
  return isReference ? named.get(name) : undefined
}

/** For a value between such quotes, or none. */
export function encode(text: string, quote: string): string {
  const special = quote === '' ? /[&\s"'<=>`]|[^\0-\xff]/g : /[&"']|[^\0-\xff]/g
  return text.replace(special, (char) => {
    const isPlain = quote !== '' && char !== '&' && char !== quote && char <= '\xff'
    return isPlain ? char : `&#${char.charCodeAt(0)};`
  })
}
