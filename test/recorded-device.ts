/** A device whose screen is recorded: strict about its scripts, and it says itself when something disturbs it. */
import type { RequestListener } from 'node:http'

const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const strict =
  `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self';
  form-action 'self'; require-trusted-types-for 'script'`.replaceAll(/\s+/g, ' ')
/** Of a page that says nothing to anybody. */
const silent = "script-src 'self'; connect-src 'none'"

/** Shown by an element, so that a test can read it in the page and in its recording alike. */
const script = `
const disturbed = []
const say = (text) => { disturbed.push(text); document.documentElement.dataset.disturbed = disturbed.join('; ') }
addEventListener('securitypolicyviolation', (event) => say(event.violatedDirective + ' ' + event.blockedURI))
addEventListener('error', (event) => say(String(event.message)))
addEventListener('unhandledrejection', (event) => say(String(event.reason)))
addEventListener('DOMContentLoaded', () => {
  const state = document.getElementById('state')
  document.getElementById('switch')?.addEventListener('click', async () => {
    const wanted = state.textContent === 'ligado' ? 'desligado' : 'ligado'
    const answer = await fetch('/api/state', { method: 'POST', body: wanted })
    const line = document.createElement('li')
    const sign = document.createElement('img')
    sign.src = '/sign.png'
    sign.alt = await answer.text()
    line.append(sign)
    document.getElementById('lines').append(line)
    const logo = document.getElementById('logo')
    logo.src = '/logo.png?' + wanted
    await Promise.all([sign.decode(), logo.decode()])
    state.textContent = wanted
  })
})`

const page = (body: string, head = '') =>
  `<!doctype html><html lang="pt"><head><meta charset="utf-8">${head}<link rel="icon" href="data:,"><title>Bomba</title>
<link rel="stylesheet" href="/style.css"><script src="/app.js"></script></head><body>${body}</body></html>`

const panel = page(`<h1>Bomba do poço</h1><img id="logo" src="/logo.png" alt="logo">
<form action="/save" method="post"><label>Nome <input name="nome"></label>
<label>Senha <input name="senha" type="password"></label><label>Nota <textarea name="nota"></textarea></label>
<label>Sentido <select name="sentido"><option>esquerda<option>direita</select></label>
<input type="hidden" name="lote" value="lote-oculto"></form>
<div id="free" contenteditable="true" role="textbox" aria-label="Livre"></div>
<button type="button" id="switch">Ligar ou desligar</button>
<p id="state">desligado</p><ul id="lines"></ul><iframe src="/part" title="Pressão"></iframe>`)

const answers: Readonly<Record<string, readonly [string, string | Buffer, string?]>> = {
  '/': ['text/html', panel, strict],
  '/silent': [
    'text/html',
    page(
      '<h1>Calada</h1><p id="state">desligado</p>',
      `<meta http-equiv="content-security-policy" content="${silent}">`,
    ),
  ],
  // Its scripts may send to wherever they want.
  '/loose': ['text/html', page('<h1>Solta</h1><p id="state">desligado</p>')],
  // More than 2 MB as it is described: in pieces.
  '/large': ['text/html', page(`<h1>Grande</h1>${`<p>${'"ã"'.repeat(100)}</p>`.repeat(5_000)}`)],
  // Too large for that, too.
  '/huge': ['text/html', page(`<h1>Enorme</h1><p>${'"ã'.repeat(3e6)}</p>`)],
  '/part': ['text/html', page('<p id="pressure">4 bar</p>'), strict],
  '/app.js': ['text/javascript', script],
  '/style.css': ['text/css', 'h1 { color: rgb(1, 2, 3) } body { background: url("/ground.png") }'],
  '/api/state': ['text/plain', 'feito'],
}

/** What a person sees of it; a function of the page, or of its recording. */
export const looksOf = `(document) => {
  const styleOf = (name) => document.defaultView.getComputedStyle(document.querySelector(name))
  const all = (name) => [...document.querySelectorAll(name)]
  return {
    title: document.querySelector('h1').textContent,
    color: styleOf('h1').color,
    background: styleOf('body').backgroundImage.length > 'url("")'.length,
    state: document.getElementById('state').textContent,
    direction: document.querySelector('select').value,
    signs: all('#lines img').map((one) => one.alt),
    pictures: all('#logo, #lines img:first-child').map((one) => one.naturalWidth).slice(0, 2),
    pressure: document.querySelector('iframe').contentDocument.getElementById('pressure').textContent,
    filled: all('label input, textarea, #free').map((one) => (one.value ?? one.textContent) !== ''),
    disturbed: document.documentElement.dataset.disturbed ?? '',
  }
}`
export type Looks = {
  readonly title: string
  readonly color: string
  readonly background: boolean
  readonly state: string
  readonly direction: string
  readonly signs: readonly string[]
  /** Widths, 0: not shown. */
  readonly pictures: readonly number[]
  /** In its frame. */
  readonly pressure: string
  readonly filled: readonly boolean[]
  /** What the page itself found wrong. */
  readonly disturbed: string
}

export const recordedDevice: RequestListener = ({ url = '' }, response) => {
  const [path = ''] = url.split('?')
  const answer = path.endsWith('.png') ? (['image/png', picture] as const) : answers[path]
  if (!answer) return response.writeHead(404).end()
  const [type, body, policy] = answer
  const headers = { 'content-type': `${type}; charset=utf-8` }
  response.writeHead(
    200,
    policy === undefined ? headers : { ...headers, 'content-security-policy': policy },
  )
  return response.end(body)
}
