/**
 * A page on its way to the browser: its addresses mapped, and our script first. Bytes go through as Latin-1 and only
 * what changes is replaced, so pages of any ASCII-based charset stay as they are. Scripts, text and comments are left
 * alone. Streams: nothing is held but one tag or `<style>`, and beyond a limit the rest passes untouched. Pure.
 */
import { mapPolicy } from './content-policy.ts'
import { HtmlPieces, type Piece } from './html-pieces.ts'
import { decode, encode } from './html-references.ts'
import type { Tag } from './html-tag.ts'
import type { PublicView } from './public-address.ts'
import { addressEdit, addressSetEdits, type Edits, refreshEdits } from './rewrite-address.ts'
import { cssEdits, SheetRewriter } from './rewrite-css.ts'

type FindEdits = (value: string, view: PublicView) => Edits

/** A longer one passes as it is. */
const maxTagBytes = 256 * 1024
/** Longer values hold data, not addresses. */
const maxValueLength = 64 * 1024
/** It is mapped in one go. */
const maxPolicyLength = 8 * 1024
/** What is read between two pauses. */
const sliceLength = 16 * 1024

const oneAddress: FindEdits = (value, view) => [addressEdit(value, view)]
const byAttribute: ReadonlyMap<string, FindEdits> = new Map([
  ...'href xlink:href src action formaction poster data manifest ping background'
    .split(' ')
    .map((name) => [name, oneAddress] as const),
  ['srcset', addressSetEdits],
  ['imagesrcset', addressSetEdits],
  ['style', cssEdits],
])
const byMeta: ReadonlyMap<string, FindEdits> = new Map([
  ['refresh', refreshEdits],
  [
    'content-security-policy',
    (value, view) =>
      value.length > maxPolicyLength ? [] : [replacing(value, mapPolicy(value, view))],
  ],
  // The way back for addresses that escape is the referrer; to other sites none goes anyway.
  ['referrer', (value) => [replacing(value, 'same-origin')]],
])

const replacing = (value: string, text: string) => ({ from: 0, to: value.length, text })

export class PageRewriter {
  readonly #view: PublicView
  readonly #pieces = new HtmlPieces(maxTagBytes)
  #left: number
  #isBeyond = false
  #script: string
  /** What a `<style>` holds. */
  #sheet: SheetRewriter | undefined

  /** `script`: the tag that becomes the first one, or nothing. */
  constructor(view: PublicView, { script, maxBytes }: { script: string; maxBytes: number }) {
    this.#view = view
    this.#script = script
    this.#left = maxBytes
  }

  *read(chunk: string): Iterable<string> {
    const within = chunk.slice(0, this.#left)
    this.#left -= within.length
    for (let from = 0; from < within.length; from += sliceLength)
      for (const piece of this.#pieces.read(within.slice(from, from + sliceLength)))
        yield* this.#map(piece)
    if (within.length === chunk.length) return
    if (!this.#isBeyond) yield this.#takeRaw()
    this.#isBeyond = true
    yield chunk.slice(within.length)
  }

  *end(): Iterable<string> {
    for (const piece of this.#pieces.end()) yield* this.#map(piece)
    if (this.#sheet) yield* this.#sheet.end()
  }

  #takeRaw(): string {
    const rest = this.#pieces.end().map(({ text }) => text)
    return (this.#sheet?.takeRaw() ?? '') + rest.join('')
  }

  *#map(piece: Piece): Iterable<string> {
    if (piece.kind === 'text') {
      if (this.#sheet) yield* this.#sheet.read(piece.text)
      else yield piece.text
      return
    }
    if (this.#sheet) {
      yield* this.#sheet.end()
      this.#sheet = new SheetRewriter(this.#view)
    }
    if (piece.kind === 'tag') yield* this.#mapTag(piece.tag)
    else yield piece.text
  }

  *#mapTag(tag: Tag): Iterable<string> {
    const { name, isEnd, isLarge, raw } = tag
    this.#sheet = name === 'style' && !isEnd ? new SheetRewriter(this.#view) : undefined
    const isOpening = !isEnd && !isLarge
    if (isOpening && name !== 'html' && name !== 'head') yield this.#takeScript()
    if (isEnd) yield raw
    else yield* mapAttributes(tag, this.#view)
    if (isOpening && name === 'head') yield this.#takeScript()
  }

  #takeScript(): string {
    const script = this.#script
    this.#script = ''
    return script
  }
}

/** The tag as it stood, with the values of some attributes replaced. */
function* mapAttributes(tag: Tag, view: PublicView): Iterable<string> {
  const { raw } = tag
  const kind = tag.name === 'meta' ? metaKind(tag) : ''
  let done = 0
  for (const { name, start, end, valueStart, valueEnd } of tag.attributes) {
    // A style sheet whose addresses change has another digest.
    if (name === 'integrity' && tag.name === 'link' && view.prefix !== '') {
      yield raw.slice(done, start)
      done = end
    }
    const findEdits = name === 'content' ? byMeta.get(kind) : byAttribute.get(name)
    const length = valueEnd - valueStart
    if (!findEdits || length === 0 || length > maxValueLength) continue
    yield raw.slice(done, valueStart)
    const quote = valueEnd === end ? '' : (raw[valueEnd] ?? '')
    yield* mapValue(raw.slice(valueStart, valueEnd), quote, (text) => findEdits(text, view))
    done = valueEnd
  }
  yield raw.slice(done)
}

function* mapValue(value: string, quote: string, findEdits: (text: string) => Edits) {
  const { text, placeOf } = decode(value)
  let done = 0
  for (const edit of findEdits(text)) {
    yield edit ? value.slice(done, placeOf(edit.from)) + encode(edit.text, quote) : ''
    if (edit) done = placeOf(edit.to)
  }
  yield value.slice(done)
}

function metaKind({ attributes, raw }: Tag): string {
  const named = (name: string) => attributes.find((one) => one.name === name)
  const kind = named('http-equiv') ?? named('name')
  return kind ? decode(raw.slice(kind.valueStart, kind.valueEnd)).text.toLowerCase() : ''
}
