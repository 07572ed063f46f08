/**
 * `/__travessia/shim.js`: the script that goes first in a device's page and maps the addresses which its own scripts
 * build. A convenience for pages, never a control: what they may reach is decided here on every request.
 */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { cookieMark } from './cookies.ts'
import { ownHeaders } from './error-page.ts'
import { hasAddressesToMap, type PublicView } from './public-address.ts'
import { recorderText } from './recorder.ts'

export const shimPath = '/__travessia/shim.js'

const [addresses, session] = ['addresses.js', 'session.js'].map((name) =>
  readFileSync(new URL(`shim/${name}`, import.meta.url), 'utf8'),
)

/** However often a page has it, and not for browsers that know no `URL`. */
const once = `if (window.__travessia || !window.URL) return
Object.defineProperty(window, '__travessia', { value: true })
`

/** What a page's script is told; an object of this shape is `config` in `shim/*.js`. */
export type ShimConfig = {
  /** What stands before every path of the session. */
  readonly base: string
  /** What stands before the names of its cookies and of what it stores. */
  readonly mark: string
  /** Origins of the device → where they are here. */
  readonly targets: Readonly<Record<string, string>>
}

export function shimUrl({ publicOrigin, base }: PublicView): string {
  return `${publicOrigin}${base}${shimPath}`
}

/** Host mode has an origin of its own, and only addresses to map. */
export function shimText(config: ShimConfig): string {
  const parts = config.base === '' ? addresses : `${addresses}\n${session}`
  // The recorder begins with a bracket, too.
  return `(function (window, config) {\n${once}${parts}})(window, ${JSON.stringify(config)});\n`
}

export function sendShim(response: ServerResponse, view: PublicView): void {
  const { base, others } = view
  const config = { base, mark: cookieMark(base), targets: Object.fromEntries(others) }
  const mapping = hasAddressesToMap(view) ? shimText(config) : ''
  const text = mapping + (view.isRecorded ? recorderText(view) : '')
  response.writeHead(200, {
    ...ownHeaders,
    'content-type': 'text/javascript; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    // The same for the whole session, and a page waits for it.
    'cache-control': 'private, max-age=600',
  })
  response.end(text)
}
