/** Recorded batches of a session as one recording: in order, on the node's clock, with the pictures that were captured. Pure. */
import type { DomBatch } from '@travessia/schemas/dom-recording'
import { pathOf } from './captured.ts'

export type ScreenEvent = DomBatch['events'][number]
/** `lastAt`: when its last event came, by the node's clock. */
export type KeptBatch = DomBatch & { readonly lastAt: string }

/** rrweb's numbers. */
const [fullSnapshot, incremental, meta] = [2, 3, 4] as const
const mutation = 0

/** A page that was loaded later ends the one before; of two tabs the later one is shown. */
export function recordingOf(batches: readonly KeptBatch[]): ScreenEvent[] {
  const pages = new Map<string, ScreenEvent[]>()
  for (const { page, events, lastAt } of batches) {
    const shift = Date.parse(lastAt) - Math.max(...events.map(({ timestamp }) => timestamp))
    const own = pages.get(page) ?? []
    pages.set(page, own)
    own.push(...events.map((event) => ({ ...event, timestamp: event.timestamp + shift })))
  }
  const inOrder = [...pages.values()]
    .map((events) => events.toSorted((a, b) => a.timestamp - b.timestamp))
    .filter((events) => events.some(({ type }) => type === fullSnapshot))
    .toSorted((a, b) => startOf(a) - startOf(b))
  return inOrder.flatMap((events, index) => {
    const next = inOrder[index + 1]
    const from = events.slice(
      Math.max(
        0,
        events.findIndex(({ type }) => type === meta),
      ),
    )
    return next ? from.filter(({ timestamp }) => timestamp < startOf(next)) : from
  })
}

function startOf(events: readonly ScreenEvent[]): number {
  return events[0]?.timestamp ?? 0
}

/** Paths of the pictures that a recording shows. */
export function picturesOf(events: readonly ScreenEvent[]): Set<string> {
  const found = new Set<string>()
  eachPicture(events, (attributes, path) => {
    found.add(path)
    return attributes['src']
  })
  return found
}

/** Every picture by what was captured of it; what was not leads nowhere. Changes the events. */
export function putPictures(
  events: readonly ScreenEvent[],
  pictures: ReadonlyMap<string, string>,
): void {
  eachPicture(events, (_attributes, path) => pictures.get(path) ?? '')
}

type Attributes = Record<string, unknown>
type Visit = (attributes: Attributes, path: string) => unknown

function eachPicture(events: readonly ScreenEvent[], visit: Visit): void {
  for (const { type, data } of events) {
    const { node, source, adds } = data as { node?: unknown; source?: number; adds?: unknown }
    if (type === fullSnapshot) eachNode(node, visit)
    if (type === incremental && source === mutation && Array.isArray(adds))
      for (const add of adds) eachNode((add as { node?: unknown }).node, visit)
  }
}

function eachNode(value: unknown, visit: Visit): void {
  const nodes: unknown[] = [value]
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    if (typeof node !== 'object' || node === null) continue
    const { tagName, attributes, childNodes } = node as {
      tagName?: string
      attributes?: Attributes
      childNodes?: unknown
    }
    const src = attributes?.['src']
    if (tagName === 'img' && attributes && typeof src === 'string') {
      const path = URL.canParse(src)
        ? pathOf(new URL(src).pathname + new URL(src).search, '/')
        : src
      if (path !== undefined) attributes['src'] = visit(attributes, path)
    }
    if (Array.isArray(childNodes)) nodes.push(...childNodes)
  }
}
