/**
 * The paths of the original connector design, one table, same handlers: a request is renamed before it is
 * routed. `:tid` is the installation; a device or session of another one is not found there.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { cookieName } from '../identity/logins.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The installation that an aliased path named. */
    readonly aliasInstallationId: string | undefined
  }
}

const site = '/api/instituicao/([^/?]+)'
const device = `${site}/equipamento/([^/?]+)`

type Alias = {
  readonly from: RegExp
  /** `tid`, `id`: the parts of the path in order. */
  readonly to: (ids: readonly string[], isUser: boolean) => string
}

const aliases: readonly Alias[] = [
  { from: path(`${device}/proxy-http`), to: ([, id]) => `/api/devices/${id}/proxy-http` },
  { from: path(`${device}/remoto/sessoes`), to: ([, id]) => `/api/devices/${id}/sessions` },
  { from: path(`${device}/remoto/sessoes/([^/?]+)`), to: ([, , id]) => `/api/sessions/${id}` },
  {
    from: path(`${site}/connector/pair`),
    to: ([tid], isUser) =>
      isUser ? `/api/installations/${tid}/agent/pairing-codes` : '/api/agents/pair',
  },
  {
    from: path(`${site}/connector/token`),
    to: ([tid], isUser) => (isUser ? `/api/installations/${tid}/agent/token` : '/api/agents/token'),
  },
  { from: path(`${site}/connector/status`), to: ([tid]) => `/api/installations/${tid}/agent` },
]

/** Fastify's `rewriteUrl`. */
export function rewriteAlias({ url = '/', headers }: IncomingMessage): string {
  const [pathname = '', query] = url.split('?', 2)
  const isUser = headers.authorization !== undefined || headers.cookie?.includes(`${cookieName}=`)
  for (const { from, to } of aliases) {
    const match = from.exec(pathname)
    if (match) return to(match.slice(1), isUser ?? false) + (query === undefined ? '' : `?${query}`)
  }
  return url
}

export function addAliases(app: FastifyInstance): void {
  app.decorateRequest('aliasInstallationId', {
    getter() {
      return new RegExp(`^${site}/`).exec(this.originalUrl)?.[1]
    },
  })
}

function path(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`)
}
