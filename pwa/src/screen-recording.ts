/** Recorded batches of a session as one recording: in order, on the node's clock. Pure. */
import type { DomBatch, DomPiece } from '@travessia/schemas/dom-recording'

export type ScreenEvent = DomBatch['events'][number]
/** `lastAt`: when its last event came, by the node's clock. */
export type KeptBatch = DomBatch & { readonly lastAt: string }
export type KeptMessage = KeptBatch | (DomPiece & { readonly lastAt: string })

/** rrweb's numbers. */
const [fullSnapshot, meta] = [2, 4] as const

/** Each event in pieces as a batch of its own, from when the first of them came; one that lacks a piece is left out. */
export function wholeOf(messages: readonly KeptMessage[]): KeptBatch[] {
  const cut = new Map<string, Array<DomPiece['piece']>>()
  for (const one of messages) if ('piece' in one) addTo(cut, eventOf(one), one.piece)
  return messages.flatMap((message) => {
    if (!('piece' in message)) return message
    const { page, lastAt, piece } = message
    if (piece.index > 0) return []
    const event = joined(cut.get(eventOf(message)) ?? [])
    // Of a first piece that came twice there is one event.
    cut.delete(eventOf(message))
    return event ? { page, lastAt, events: [event] } : []
  })
}

function eventOf({ page, piece }: DomPiece): string {
  return `${page} ${piece.event}`
}

function addTo<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key)
  if (list) list.push(one)
  else lists.set(key, [one])
}

/** All of them: without one from the middle of a long text the rest may still be JSON. */
function joined(pieces: ReadonlyArray<DomPiece['piece']>): ScreenEvent | undefined {
  const texts = new Map(pieces.map(({ index, text }) => [index, text]))
  const inOrder = Array.from({ length: pieces[0]?.count ?? 0 }, (_, index) => texts.get(index))
  if (inOrder.includes(undefined)) return undefined
  try {
    const event: unknown = JSON.parse(inOrder.join(''))
    return isEvent(event) ? event : undefined
  } catch {
    return undefined
  }
}

/** The node has not looked into pieces. */
function isEvent(value: unknown): value is ScreenEvent {
  const { type, timestamp, data } = (value ?? {}) as Partial<ScreenEvent>
  return Number.isSafeInteger(type) && Number.isSafeInteger(timestamp) && data !== undefined
}

/** A page that was loaded later ends the one before; of two tabs the later one is shown. */
export function recordingOf(batches: readonly KeptBatch[]): ScreenEvent[] {
  const pages = new Map<string, KeptBatch[]>()
  for (const batch of batches) addTo(pages, batch.page, batch)
  const inOrder = [...pages.values()]
    .map(eventsOf)
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

/** Of one page. Its own clock goes on evenly; the batch that was least delayed says how far it is off. */
function eventsOf(batches: readonly KeptBatch[]): ScreenEvent[] {
  const delays = batches.map(
    ({ events, lastAt }) =>
      Date.parse(lastAt) - Math.max(...events.map(({ timestamp }) => timestamp)),
  )
  const shift = Math.min(...delays)
  return batches
    .flatMap(({ events }) =>
      events.map((event) => ({ ...event, timestamp: event.timestamp + shift })),
    )
    .toSorted((a, b) => a.timestamp - b.timestamp)
}

function startOf(events: readonly ScreenEvent[]): number {
  return events[0]?.timestamp ?? 0
}

/** Width to height of the tallest screen in it, as the page said; undefined: it said none. */
export function shapeOf(events: readonly ScreenEvent[]): number | undefined {
  const shapes = events
    .filter(({ type }) => type === meta)
    .map(({ data }) => {
      const { width, height } = (data ?? {}) as { width?: unknown; height?: unknown }
      return Number(width) / Number(height)
    })
    .filter((shape) => shape > 0 && shape < Number.POSITIVE_INFINITY)
  return shapes.length === 0 ? undefined : Math.min(...shapes)
}
