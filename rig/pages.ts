/** The remote host as a browser has it: a session, and the pages of its device. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { Api } from './api.ts'

export type Page = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type PageRequest = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** A request to the remote port; `*.localhost` does not resolve in Node, so loopback with `Host`. */
export async function fetchPage(url: string, options: PageRequest = {}): Promise<Page> {
  const response = await openPage(url, options)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode = 0, headers } = response
  return { status: statusCode, headers, body: Buffer.concat(chunks).toString() }
}

/** The same, with the body still streaming. */
export async function openPage(
  url: string,
  { method = 'GET', headers = {}, body }: PageRequest = {},
): Promise<IncomingMessage> {
  const { host, port, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path: pathname + search,
        method,
        headers: { host, ...headers },
        agent: false,
      },
      resolve,
    )
    request.once('error', reject)
    request.end(body)
  })
}

/** Opens a remote session and takes its cookie, as a browser would. */
export async function enterSession(
  api: Api,
  deviceId: string,
  body: Record<string, unknown> = {},
): Promise<{ sessionId: string; base: string; cookie: string }> {
  const opened = await api.call<{ sessionId: string; url: string }>(
    ...(['POST', `/api/devices/${deviceId}/sessions`, body] as const),
  )
  if (opened.status !== 201)
    throw new Error(`session: ${opened.status} ${JSON.stringify(opened.body)}`)
  const { sessionId, url } = opened.body
  const entered = await fetchPage(url)
  const cookie = String(entered.headers['set-cookie']?.[0]).split(';')[0] ?? ''
  return { sessionId, base: url.replace(/\/__travessia\/.*$/, ''), cookie }
}
