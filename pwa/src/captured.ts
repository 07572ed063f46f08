/** Which page a session showed at a moment, and what is kept of what it was made of. */
import type { BodyFacts } from '@travessia/schemas/captured'
import type { Exchange } from './exchanges.ts'
import type { Moment } from './replay.ts'

export type CapturedBody = { readonly path: string; readonly body: Partial<BodyFacts> }

/** The last page that had begun to load; undefined: none yet. */
export function pageAt(moments: readonly Moment[], atMs: number): CapturedBody | undefined {
  const moment = moments.findLast(({ line, fromMs }) => fromMs <= atMs && isPage(line))
  return moment?.line.kind === 'exchange' ? bodyOf(moment.line) : undefined
}

export function hasPages(moments: readonly Moment[]): boolean {
  return moments.some(({ line }) => isPage(line) && bodyOf(line as Exchange).body.ref !== undefined)
}

/** By path, the last copy of each. */
export function resourcesOf(moments: readonly Moment[]): Map<string, CapturedBody> {
  const found = new Map<string, CapturedBody>()
  for (const { line } of moments) {
    if (line.kind !== 'exchange') continue
    const one = bodyOf(line)
    if (one.body.ref !== undefined) found.set(one.path, one)
  }
  return found
}

/** The path of a captured body that this page means; undefined for another site, or for what is no address. */
export function pathOf(address: string, pagePath: string): string | undefined {
  const base = new URL(`http://device${pagePath.startsWith('/') ? pagePath : '/'}`)
  if (!URL.canParse(address, base)) return undefined
  const url = new URL(address, base)
  return url.origin === base.origin ? url.pathname + url.search : undefined
}

/** A style sheet with each `url(…)` as it should be. */
export function cssUrls(css: string, urlOf: (address: string) => string): string {
  return css.replaceAll(
    /url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"']*))\s*\)/gi,
    (_whole, double?: string, single?: string, plain?: string) =>
      `url("${urlOf((double ?? single ?? plain ?? '').trim()).replaceAll('"', '%22')}")`,
  )
}

function bodyOf({ request, answer }: Exchange): CapturedBody {
  const body = (answer?.data['responseBody'] ?? {}) as Partial<BodyFacts>
  return { path: String(request.data['path']), body }
}

/** An answer that a tab showed, not one that a script has read. */
function isPage(line: Moment['line']): boolean {
  if (line.kind !== 'exchange' || line.answer?.type !== 'HttpResponseReceived') return false
  const asked = headerIn(line.request.data['headers'], 'sec-fetch-dest')
  const type = headerIn(line.answer.data['headers'], 'content-type') ?? ''
  const isHtml = /^\s*(text\/html|application\/xhtml\+xml)/i.test(type)
  return isHtml && (asked === undefined || asked === 'document')
}

/** Of a list of names and values in turn. */
function headerIn(headers: unknown, name: string): string | undefined {
  if (!Array.isArray(headers)) return undefined
  const at = headers.findIndex((one, index) => index % 2 === 0 && one === name)
  return at < 0 ? undefined : String(headers[at + 1])
}

/** Only what cannot run: pictures and fonts. */
export async function dataUrl(blob: Blob, mediaType: string): Promise<string | undefined> {
  const [type = ''] = mediaType.split(';')
  if (!/^(image|font)\/[\w.+-]+$/.test(type)) return undefined
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return `data:${type};base64,${btoa(binary)}`
}
