/**
 * What passes in a read-only session. One list for both who refuse, gateway and agent (ADR 10). A POST passes only
 * when its path is literally one that the driver lists: no other spelling of it does.
 */
import type { DriverKind } from './devices.ts'

export type AskedRequest = {
  readonly method: string
  /** Raw request target. */
  readonly path: string
  /** Flat `[name, value, …]`. */
  readonly headers: readonly string[]
  readonly hasBody: boolean
  readonly isWebSocket: boolean
  /** To a further port of the device, where its driver does not speak. */
  readonly isOtherPort: boolean
}

type Reads = {
  /** Where the device acts on a GET: only these paths are read. Absent: every GET only reads. */
  readonly gets?: RegExp
  readonly posts?: RegExp
  /** WebSockets whose messages to the device change nothing. */
  readonly sockets?: RegExp
}

/** Control iD runs its commands by GET too, `/reboot` even unasked. */
const controlIdReads =
  '(hid)?login|logout|session_is_valid|get_language|load_objects|get_configuration|system_information|' +
  'get_catra_info|door_state|alarm_status'
/** Klipper's own endpoints; a new one must not act because it is asked by GET. */
const klipperReads = 'info|objects/(list|query)|query_endstops/status|gcode/help'

const reads: Readonly<Record<DriverKind, Reads>> = {
  'control-id': {
    gets: new RegExp(
      `^/((${controlIdReads}|init_device_set|user_get_image)\\.fcgi|(?!reboot)(?!.*\\.fcgi)[\\w./-]*)$`,
      'i',
    ),
    posts: new RegExp(`^/(${controlIdReads})\\.fcgi$`),
  },
  octoprint: {
    posts: /^\/(api\/login|sockjs\/\d{3}\/\w+\/xhr(_streaming|_send)?)$/,
    sockets: /^\/sockjs\/(\d{3}\/\w+\/)?websocket$/,
  },
  moonraker: {
    gets: new RegExp(`^/(printer/(${klipperReads})|server/files/.*|(?!printer(/|$))[^%]*)$`, 'i'),
    posts: /^\/(printer\/objects\/query|access\/login|access\/refresh_jwt|api\/login)$/,
  },
  camera: {},
  http: {},
  marlin: {},
}

const readingMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Frameworks take another method from these; some read `_` as `-`. */
const overrides = /^x[-_](http[-_]method([-_]override)?|method[-_]override)$/i
/** Spellings that a server may resolve to another path. */
const ambiguous = /\/\/|\/\.{1,2}(\/|$)|%(2e|2f|5c|00)/i

/** Methods that the device may take instead of the request's own. @param headers flat `[name, value, …]` */
export function overridingMethods(headers: readonly string[]): string[] {
  return headers
    .filter((_, i) => i % 2 === 1 && overrides.test(headers[i - 1] ?? ''))
    .map((value) => value.trim().toUpperCase())
}

export function isReadOnly(driver: DriverKind, asked: AskedRequest): boolean {
  const { gets, posts, sockets } = asked.isOtherPort ? {} : reads[driver]
  const [path = ''] = asked.path.split('?', 1)
  if (overridingMethods(asked.headers).length > 0) return false
  if (asked.isWebSocket) return sockets?.test(path) ?? false
  if (asked.method === 'POST') return posts?.test(path) ?? false
  if (!readingMethods.has(asked.method) || asked.hasBody) return false
  return gets === undefined || (gets.test(path) && !ambiguous.test(path))
}
