/**
 * Whether an answer is rewritten, and how. A whole page or style sheet of a session whose
 * addresses need it; never a part (206), a download, a script or data. Everything else keeps its bytes.
 */
import { PassThrough, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { TravessiaError } from '@travessia/schemas/errors'
import { nonceOf } from './content-policy.ts'
import { headerOf, pairsOf } from './headers.ts'
import { hasAddressesToMap, type PublicView } from './public-address.ts'
import { wantsDocument, wantsStyle } from './request-checks.ts'
import { maxSheetBytes, SheetRewriter } from './rewrite-css.ts'
import { PageRewriter } from './rewrite-html.ts'
import { shimUrl } from './shim.ts'
import { inTurns } from './turns.ts'

/** A larger page is not touched; of one that says no length, what follows passes as it is. */
const maxPageBytes = 8 * 1024 * 1024
/** What a small packed body may become. */
const maxDecodedBytes = 64 * 1024 * 1024

const decoders: Readonly<Record<string, () => Transform>> = {
  identity: () => new PassThrough(),
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

type Rewriting = {
  readonly kind: 'page' | 'fragment' | 'style'
  readonly coding: string
  /** The page's own mark for scripts that may run. */
  readonly nonce: string | undefined
}

type Asked = {
  readonly method: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

type Answer = { readonly status: number; readonly headers: readonly string[] }

/** true: the answer to it may be rewritten, so that it must come whole and plain. */
export function mayBeRewritten({ headers }: Asked, view: PublicView): boolean {
  const isStyle = view.prefix !== '' && wantsStyle(headers)
  return needsRewriting(view) && (wantsDocument(headers) || isStyle)
}

/** undefined: the answer goes on byte for byte. */
export function rewritingOf(asked: Asked, answer: Answer, view: PublicView): Rewriting | undefined {
  const { headers } = answer
  const kind = kindOf(asked, answer, view)
  const coding = (headerOf(headers, 'content-encoding') ?? 'identity').trim().toLowerCase()
  if (!kind || !Object.hasOwn(decoders, coding)) return undefined
  const length = Number(headerOf(headers, 'content-length') ?? 0)
  if (length > (kind === 'style' ? maxSheetBytes : maxPageBytes)) return undefined
  const policies = pairsOf(headers).filter(([name]) => name === 'content-security-policy')
  const [nonce] = policies.flatMap(([, policy]) => nonceOf(policy) ?? [])
  return { kind, coding, nonce }
}

function kindOf(asked: Asked, { status, headers }: Answer, view: PublicView) {
  const hasBody = asked.method !== 'HEAD' && ![204, 205, 206, 304].includes(status)
  const isDownload = /^\s*attachment/i.test(headerOf(headers, 'content-disposition') ?? '')
  if (!needsRewriting(view) || !hasBody || isDownload) return undefined
  const type = headerOf(headers, 'content-type') ?? ''
  if (view.prefix !== '' && /^\s*text\/css\s*(;|$)/i.test(type)) return 'style'
  if (!/^\s*(text\/html|application\/xhtml\+xml)\s*(;|$)/i.test(type)) return undefined
  if (wantsDocument(asked.headers)) return 'page'
  return hasAddressesToMap(view) ? 'fragment' : undefined
}

/** What the body goes through. */
export function rewriteBody({ kind, coding, nonce }: Rewriting, view: PublicView): Transform[] {
  const decode =
    coding === 'identity'
      ? []
      : [decoders[coding]?.() ?? new PassThrough(), atMost(maxDecodedBytes)]
  if (kind === 'style') return [...decode, inTurns(new SheetRewriter(view))]
  const mark = nonce === undefined ? '' : ` nonce="${nonce}"`
  const script = kind === 'page' ? `<script src="${shimUrl(view)}"${mark}></script>` : ''
  return [...decode, inTurns(new PageRewriter(view, { script, maxBytes: maxPageBytes }))]
}

function needsRewriting(view: PublicView): boolean {
  return hasAddressesToMap(view) || view.isRecorded === true
}

function atMost(maxBytes: number): Transform {
  let size = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length
      if (size > maxBytes) done(new TravessiaError('DEVICE_PROTOCOL'))
      else done(null, chunk)
    },
  })
}
