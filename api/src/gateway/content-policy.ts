/** The device's own Content-Security-Policy goes on, mapped to the public origin. Pure. */
import { domUrl, type PublicView } from './public-address.ts'

const removedDirectives =
  /^(upgrade-insecure-requests|block-all-mixed-content|report-uri|report-to)$/i

/** Its origin is the public one now, and http is not upgraded behind our back. */
export function mapPolicy(policy: string, view: PublicView): string {
  const mapped = directivesOf(policy)
    .filter(([name = '']) => !removedDirectives.test(name))
    .map(([name, ...sources]) =>
      [name, ...sources.map((source) => mapSource(source, view))].join(' '),
    )
    .join('; ')
  return view.isRecorded ? allowConnection(mapped, domUrl(view)) : mapped
}

/** One script more may run: this very file, or, where only marked scripts may, the page's own mark is on it. */
export function allowScript(policy: string, url: string): string {
  return allow(policy, ['script-src-elem', 'script-src', 'default-src'], url)
}

/** What the script that records the page sends goes to this address. */
function allowConnection(policy: string, url: string): string {
  return allow(policy, ['connect-src', 'default-src'], url)
}

/** @param names of the directives that may decide it, the nearest first */
function allow(policy: string, names: readonly string[], url: string): string {
  const directives = directivesOf(policy)
  const named = names.map((name) => directives.find(([one = '']) => one.toLowerCase() === name))
  const effective = named.find((directive) => directive !== undefined)
  return directives
    .map((directive) => {
      if (directive !== effective) return directive.join(' ')
      const [name, ...sources] = directive
      return [name, ...sources.filter((source) => !/^'none'$/i.test(source)), url].join(' ')
    })
    .join('; ')
}

/** The mark of scripts that this policy lets run. */
export function nonceOf(policy: string): string | undefined {
  return /(?:^|[\s;])'nonce-([\w+/=-]+)'/.exec(policy)?.[1]
}

function directivesOf(policy: string): string[][] {
  return policy.split(';').map((directive) => directive.trim().split(/\s+/))
}

/** `http://dev`, `ws://dev:80/path`, `dev` → the public address of that origin; everything else stays. */
function mapSource(source: string, { others, publicOrigin, targetOrigin }: PublicView): string {
  const match = /^(?:(http|ws)(s?):\/\/)?([a-z0-9.:[\]-]+)(\/.*)?$/i.exec(source)
  if (!match) return source
  const [, kind = 'http', secure = '', host = '', path = ''] = match
  const scheme = match[1] ? `http${secure.toLowerCase()}:` : new URL(targetOrigin).protocol
  const url = `${scheme}//${host}`
  const prefix = URL.canParse(url) ? others.get(new URL(url).origin) : undefined
  if (prefix === undefined) return source
  const origin = /^ws$/i.test(kind) ? publicOrigin.replace(/^http/, 'ws') : publicOrigin
  return path === '' && prefix === '' ? origin : `${origin}${prefix}${path || '/'}`
}
