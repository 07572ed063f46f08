/** A device whose page does what pages of devices do: one path for each habit. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { WebSocketServer } from 'ws'

export type CompatibilityDevice = {
  readonly url: string
  readonly port: number
  /** Request lines in their order, newest last. */
  readonly asked: string[]
  stop(): void
}

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const file = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256))
const nonce = randomBytes(12).toString('base64')

const home = `<!doctype html><html><head><meta charset="utf-8"><title>home</title>
<link rel="stylesheet" href="/style.css"><script src="/app.js"></script></head><body>
<h1 id="title">home</h1><a id="relative" href="sub/page">relative</a> <a id="rooted" href="/sub/page">rooted</a>
<img id="picture" src="/pixel.png" srcset="/pixel.png 1x, /pixel.png?2 2x"><div id="late"></div>
<form id="form" action="/form" method="post"><input name="csrf"><button>send</button></form></body></html>`

const page = (body: string, head = '') =>
  `<!doctype html><html><head><meta charset="utf-8"><title>page</title>${head}</head><body>${body}</body></html>`

const send = (type: string, body: string | Buffer, headers = {}): Answer => {
  return (_request, response) =>
    response.writeHead(200, { 'content-type': type, ...headers }).end(body)
}
const html = (body: string | Buffer, headers = {}) =>
  send('text/html; charset=utf-8', body, headers)
const coded = page('<img src="/pixel.png"><p id="coded">inside</p>')

const answers: Readonly<Record<string, Answer>> = {
  '/': html(home),
  '/app.js': send('text/javascript', 'window.appRan = typeof window.__travessia'),
  '/style.css': send('text/css', '@import "/more.css"; h1 { background: url(/pixel.png?css) }'),
  '/more.css': send('text/css', '#title { outline: 3px solid rgb(1, 2, 3) }'),
  '/pixel.png': send('image/png', pixel),
  '/sub/page': html(page('<a id="up" href="../">up</a><p id="sub">sub</p>')),
  '/data': send('application/json', '{"path":"/data"}'),
  '/cookie/header': html(page('<p id="set">set</p>'), {
    'set-cookie': ['plain=1; Path=/', 'kept=2; Path=/; HttpOnly', '__Host-own=3; Path=/; Secure'],
  }),
  '/cookie/echo': ({ headers }, response) => response.end(headers.cookie ?? ''),
  '/form': async (request, response) => {
    const body = new URLSearchParams(await text(request))
    const isRight = request.headers.cookie?.includes(`csrf=${body.get('csrf')}`)
    const origin = `http://${request.headers.host}`
    const isOwn = request.headers.origin === origin && request.headers.referer?.startsWith(origin)
    response.writeHead(isRight && isOwn ? 303 : 403, { location: '/sub/page' }).end()
  },
  '/basic': ({ headers }, response) => {
    if (headers.authorization === `Basic ${btoa('ana:segredo')}`)
      return html(page('<p id="in">in</p>'))({} as never, response)
    return response.writeHead(401, { 'www-authenticate': 'Basic realm="device"' }).end()
  },
  '/digest': ({ headers, method = '', url = '' }, response) => {
    if (isDigest(headers.authorization ?? '', method, url))
      return html(page('<p id="in">in</p>'))({} as never, response)
    const challenge = 'Digest realm="device", nonce="n1", qop="auth", algorithm=MD5'
    return response.writeHead(401, { 'www-authenticate': challenge }).end()
  },
  '/events': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: one\n\n')
    setTimeout(() => response.write('data: two\n\n'), 200)
  },
  '/poll': (_request, response) => setTimeout(() => response.end('polled'), 300),
  '/coded/gzip': html(gzipSync(coded), { 'content-encoding': 'gzip' }),
  '/coded/br': html(brotliCompressSync(coded), { 'content-encoding': 'br' }),
  '/coded/deflate': html(deflateSync(coded), { 'content-encoding': 'deflate' }),
  '/coded/broken': html(gzipSync(coded).subarray(0, 40), { 'content-encoding': 'gzip' }),
  '/tagged': ({ headers }, response) => {
    const isSame = headers['if-none-match'] === '"v1"'
    response.writeHead(isSame ? 304 : 200, { etag: '"v1"', 'cache-control': 'no-cache' })
    response.end(isSame ? undefined : 'tagged')
  },
  '/file': ({ headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    if (from === undefined) return response.end(file)
    const part = file.subarray(Number(from), Number(to) + 1)
    const range = { 'content-range': `bytes ${from}-${to}/1000`, 'content-type': 'text/html' }
    return response.writeHead(206, range).end(part)
  },
  '/empty': (_request, response) => response.writeHead(204).end(),
  '/strict': html(page(`<script nonce="${nonce}">window.inline = true</script><p>strict</p>`), {
    'content-security-policy': `default-src 'none'; script-src 'nonce-${nonce}' 'strict-dynamic'; connect-src 'self'`,
  }),
  '/none': html(page('<p id="none">none</p>'), { 'content-security-policy': "default-src 'none'" }),
  '/latin': send(
    'text/html; charset=iso-8859-1',
    Buffer.from(
      page('<a id="link" href="/sub/page" title="\xe0 \xa0 \xff">caf\xe9</a>').replace(
        '<meta charset="utf-8">',
        '',
      ),
      'latin1',
    ),
  ),
  '/frames': html(page('<iframe id="inner" src="/sub/page"></iframe>')),
  '/fragment': html('<b id="fragment"><img src="/pixel.png?fragment"></b>'),
  '/worker.js': send(
    'text/javascript',
    'fetch("/data").then(r => r.json()).then(v => postMessage(v))',
  ),
  '/service.js': send('text/javascript', ''),
  '/meta': html(page('', '<meta http-equiv="refresh" content="0; url=/sub/page">')),
}

export async function startCompatibilityDevice(): Promise<CompatibilityDevice> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const { pathname } = new URL(request.url ?? '/', 'http://device')
    const redirect = /^\/redirect\/(\d+)\/(\w+)$/.exec(pathname)
    const answer = answers[pathname]
    if (redirect)
      response.writeHead(Number(redirect[1]), { location: locationOf(redirect[2], request) }).end()
    else if (answer) void answer(request, response)
    else response.writeHead(404).end()
  })
  speakWebSocket(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    ...{ url: `http://127.0.0.1:${port}`, port, asked },
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function locationOf(kind = '', { headers }: IncomingMessage): string {
  const kinds: Record<string, string> = {
    relative: '../../sub/page',
    rooted: '/sub/page',
    absolute: `http://${headers.host}/sub/page`,
    scheme: `//${headers.host}/sub/page`,
  }
  return kinds[kind] ?? '/'
}

/** Echoes, and says where it was opened and what was chosen. */
function speakWebSocket(server: Server): void {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.send(request.url ?? '')
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }))
    })
  })
}

/** RFC 7616 with MD5 and `qop=auth`: the address that was signed is the one that is asked for. */
function isDigest(authorization: string, method: string, url: string): boolean {
  const fields = Object.fromEntries(
    [...authorization.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)].map(([, key, a, b]) => [
      key,
      a ?? b,
    ]),
  )
  const md5 = (value: string) => createHash('md5').update(value).digest('hex')
  const [one, two] = [md5('ana:device:segredo'), md5(`${method}:${url}`)]
  const { nonce: given, nc, cnonce, qop, response, uri } = fields
  return uri === url && response === md5([one, given, nc, cnonce, qop, two].join(':'))
}
