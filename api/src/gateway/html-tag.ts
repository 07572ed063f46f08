/**
 * One tag of a page, from its `<` to its `>`: where its attributes are, by the tokenizer states of the HTML standard
 * (13.2.5.8 and 13.2.5.32 to 13.2.5.40). It may come in pieces; each character is read once. Pure.
 */

type Attribute = {
  /** In lower case. */
  readonly name: string
  /** Its place in the tag. */
  readonly start: number
  readonly end: number
  /** Without quotes; empty and at the end where there is none. */
  readonly valueStart: number
  readonly valueEnd: number
}

export type Tag = {
  /** In lower case. */
  readonly name: string
  readonly isEnd: boolean
  readonly isSelfClosing: boolean
  /** Too large to be held: without attributes, and `raw` is its rest. */
  readonly isLarge: boolean
  /** As it stands in the page. */
  readonly raw: string
  /** The first of each name, as in browsers. */
  readonly attributes: readonly Attribute[]
}

/** What each state passes over without a look. */
const runs = {
  tagName: /[^\t\n\f\r />]*/y,
  beforeName: /[\t\n\f\r ]*/y,
  name: /[^\t\n\f\r />=]*/y,
  afterName: /[\t\n\f\r ]*/y,
  beforeValue: /[\t\n\f\r ]*/y,
  doubleQuoted: /[^"]*/y,
  singleQuoted: /[^']*/y,
  unquoted: /[^\t\n\f\r >]*/y,
  afterQuoted: /(?:)/y,
  slash: /(?:)/y,
} as const satisfies Record<string, RegExp>
type State = keyof typeof runs

/** Where an attribute and its parts begin and end. */
type Mark = { start: number; nameEnd: number; valueStart: number; valueEnd: number; end: number }

export class TagReader {
  readonly #maxLength: number
  #state: State = 'tagName'
  #held: string[] = []
  #length = 0
  #name = ''
  #mark: Mark | undefined
  #marks: Mark[] = []
  #isEnd = false
  #isSelfClosing = false

  /** A tag that is longer is not held: `takeRaw` gives it as it comes. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  get isLarge(): boolean {
    return this.#length > this.#maxLength
  }

  /**
   * The place in `text` behind the tag, or undefined if it goes on there. `from` is its `<`, which has the first
   * letter of the name behind it, or where the text that follows begins.
   */
  read(text: string, from: number): number | undefined {
    const offset = this.#length - from
    let at = this.#length === 0 ? this.#begin(text, from) : from
    while (at < text.length) {
      const state = this.#state
      const run = runs[state]
      run.lastIndex = at
      run.test(text)
      at = run.lastIndex
      const char = text[at]
      if (char === undefined) break
      if (state === 'tagName') this.#name = this.#nameBefore(text.slice(from, at))
      if (char === '>' && state !== 'doubleQuoted' && state !== 'singleQuoted') {
        this.#finish(at + offset)
        this.#hold(text.slice(from, at + 1))
        return at + 1
      }
      at += this.#leave(state, char, at + offset)
    }
    this.#hold(text.slice(from))
    return undefined
  }

  /** The whole tag, once it has ended. */
  take(): Tag {
    const { isLarge } = this
    const raw = this.takeRaw()
    return {
      name: this.#name,
      isEnd: this.#isEnd,
      isSelfClosing: this.#isSelfClosing,
      isLarge,
      raw,
      attributes: isLarge ? [] : attributesOf(raw, this.#marks),
    }
  }

  /** What is held of it. */
  takeRaw(): string {
    const raw = this.#held.join('')
    this.#held = []
    return raw
  }

  #begin(text: string, from: number): number {
    this.#isEnd = text[from + 1] === '/'
    return from + (this.#isEnd ? 2 : 1)
  }

  #hold(text: string): void {
    this.#held.push(text)
    this.#length += text.length
    if (this.isLarge) this.#marks = []
  }

  #nameBefore(text: string): string {
    return this.isLarge ? '' : lowerCase((this.#held.join('') + text).slice(this.#isEnd ? 2 : 1))
  }

  /** How many characters that took: 0 if `char` belongs to the next state. `place` is its place in the tag. */
  #leave(state: State, char: string, place: number): 0 | 1 {
    switch (state) {
      case 'beforeValue':
        return this.#beginValue(char, place)
      case 'doubleQuoted':
      case 'singleQuoted':
        this.#endValue(place, place + 1)
        this.#state = 'afterQuoted'
        return 1
      case 'unquoted':
        this.#endValue(place, place)
        this.#state = 'beforeName'
        return 1
      case 'slash':
        this.#state = 'beforeName'
        return 0
      case 'name':
        this.#endName(place)
        break
      default:
    }
    return this.#leaveName(state, char, place)
  }

  /** Out of a name or from between attributes. */
  #leaveName(state: State, char: string, place: number): 0 | 1 {
    if (char === '/') this.#state = 'slash'
    else if (char === '=' && (state === 'name' || state === 'afterName'))
      this.#state = 'beforeValue'
    else if (state === 'name') this.#state = 'afterName'
    else if (state === 'tagName') this.#state = 'beforeName'
    else if (state === 'afterQuoted') {
      this.#state = 'beforeName'
      return 0
    } else this.#beginName(place)
    return 1
  }

  #beginName(place: number): void {
    this.#mark = { start: place, nameEnd: -1, valueStart: -1, valueEnd: -1, end: -1 }
    this.#marks.push(this.#mark)
    this.#state = 'name'
  }

  #endName(place: number): void {
    if (this.#mark) this.#mark.nameEnd = this.#mark.end = place
  }

  #beginValue(char: string, place: number): 0 | 1 {
    const isQuoted = char === '"' || char === "'"
    if (this.#mark) this.#mark.valueStart = place + Number(isQuoted)
    this.#state = isQuoted ? (char === '"' ? 'doubleQuoted' : 'singleQuoted') : 'unquoted'
    return isQuoted ? 1 : 0
  }

  #endValue(place: number, end: number): void {
    if (!this.#mark) return
    this.#mark.valueEnd = place
    this.#mark.end = end
  }

  #finish(place: number): void {
    if (this.#state === 'name') this.#endName(place)
    if (this.#state === 'unquoted') this.#endValue(place, place)
    this.#isSelfClosing = this.#state === 'slash'
  }
}

function attributesOf(raw: string, marks: readonly Mark[]): Attribute[] {
  const names = new Set<string>()
  const attributes: Attribute[] = []
  for (const { start, nameEnd, valueStart, valueEnd, end } of marks) {
    const name = lowerCase(raw.slice(start, nameEnd))
    if (names.has(name)) continue
    names.add(name)
    const hasValue = valueEnd >= 0
    const from = hasValue ? valueStart : end
    attributes.push({ name, start, end, valueStart: from, valueEnd: hasValue ? valueEnd : end })
  }
  return attributes
}

/** Of ASCII letters only. */
function lowerCase(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
}
