/** The pictures that a recorded screen shows, as what was captured of them; every other address leads nowhere. Pure. */
import { cssUrls, pathOf } from './captured.ts'
import type { ScreenEvent } from './screen-recording.ts'

/** The picture's address in place of the one that was recorded. */
type Visit = (path: string) => string
type Place = { readonly value: unknown; readonly isCss: boolean }

/** rrweb's number: what a page was and how it changed. */
const [fullSnapshot, incremental] = [2, 3]
const pictureKeys = new Set(['src', 'background', 'poster'])
/** Attributes and changes of style sheets, as rrweb names them. */
const cssKeys = new Set(['_cssText', 'style', 'rule', 'replace', 'replaceSync', 'set'])

/** Their paths at the device. */
export function picturesOf(events: readonly ScreenEvent[]): Set<string> {
  const found = new Set<string>()
  eachPicture(events, (path) => {
    found.add(path)
    return path
  })
  return found
}

/** What was not captured is not asked for. Changes the events. */
export function putPictures(
  events: readonly ScreenEvent[],
  pictures: ReadonlyMap<string, string>,
): void {
  eachPicture(events, (path) => pictures.get(path) ?? '')
}

function eachPicture(events: readonly ScreenEvent[], visit: Visit): void {
  for (const { type, data } of events)
    if (type === fullSnapshot || type === incremental) visitAll(data, visit)
}

function visitAll(root: unknown, visit: Visit): void {
  const places: Place[] = [{ value: root, isCss: false }]
  for (let place = places.pop(); place !== undefined; place = places.pop())
    if (typeof place.value === 'object' && place.value !== null)
      places.push(...placesIn(place.value as Record<string, unknown>, place.isCss, visit))
}

/** What else there is to look at, when its own texts are changed. A text that the page shows stays as it is, whatever it says. */
function placesIn(record: Record<string, unknown>, isWithinCss: boolean, visit: Visit): Place[] {
  // A browser would prefer it.
  delete record['srcset']
  const places: Place[] = []
  for (const [key, value] of Object.entries(record)) {
    const isCss = isWithinCss || cssKeys.has(key)
    if (typeof value !== 'string') places.push({ value, isCss })
    else if (isCss) record[key] = cssUrls(value, (url) => pictureOf(url, visit))
    else if (pictureKeys.has(key)) record[key] = pictureOf(value, visit)
  }
  return places
}

function pictureOf(address: string, visit: Visit): string {
  if (address.startsWith('data:')) return address
  const path = URL.canParse(address) ? publicPath(new URL(address)) : pathOf(address, '/')
  return path === undefined ? '' : visit(path)
}

/** As the device knows it: path mode puts the session before it. */
function publicPath({ pathname, search }: URL): string {
  return pathname.replace(/^\/remote\/s\/[a-z0-9]{26}(?=\/)/, '') + search
}
