/** A device whose page tries whatever a page can, to be captured and looked at again. */
import type { RequestListener } from 'node:http'

const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/** `outside`: an origin that nothing may reach when the page is shown again. */
export function capturedDevice(outside: () => string): RequestListener {
  return (request, response) => {
    const send = (type: string, body: string | Buffer) =>
      response.writeHead(200, { 'content-type': type }).end(body)
    if (request.url === '/logo.png') return send('image/png', picture)
    if (request.url === '/s.css') return send('text/css', `h1 { color: rgb(1, 2, 3) }`)
    if (request.url !== '/') return response.writeHead(404).end()
    const to = outside()
    return send(
      'text/html; charset=utf-8',
      `<!doctype html><link rel="stylesheet" href="/s.css"><meta http-equiv="refresh" content="900;url=${to}/refresh">
      <script>if (top !== self) new Image().src = '${to}/ran'</script>
      <h1>Painel gravado</h1><img src="/logo.png" alt="logo" onload="if (top !== self) new Image().src = '${to}/onload'">
      <form action="${to}/form"><button style="position:fixed;inset:0;opacity:0">Enviar</button></form>
      <svg><image href="${to}/svg"/></svg><p style="background:url(${to}/css)">fundo</p>`,
    )
  }
}
