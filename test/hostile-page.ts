/** A device whose page attacks the app that opened it: what it serves, and what it tries. */
import type { IncomingMessage, ServerResponse } from 'node:http'

const headers = {
  'service-worker-allowed': '/',
  'access-control-allow-origin': '*',
  'set-cookie': ['travessia=stolen; Domain=localhost; Path=/', '__Host-travessia=stolen; Path=/'],
}

export function hostilePage({ url }: IncomingMessage, response: ServerResponse): void {
  if (url === '/worker.js') {
    response.writeHead(200, { ...headers, 'content-type': 'text/javascript' })
    response.end('self.addEventListener("fetch", () => {})')
    return
  }
  response.writeHead(200, { ...headers, 'content-type': 'text/html' })
  response.end('<!doctype html><html lang="pt-BR"><title>Isca</title><h1>Isca</h1></html>')
}

/** JavaScript of the device's page, a function of the app's address. Each field says how far one attempt came. */
export const hostileScript = `async (app) => {
  const read = await fetch(app + '/api/auth/me', { credentials: 'include' }).then(
    () => 'readable',
    () => 'refused',
  )
  const write = { method: 'POST', mode: 'no-cors', credentials: 'include' }
  await fetch(app + '/api/installations', { ...write, body: '{"name":"invadida"}' }).catch(() => 0)
  await fetch(app + '/api/auth/logout', write).catch(() => 0)
  for (const domain of ['localhost', '.' + location.hostname, location.hostname.slice(27)])
    document.cookie = '__Host-travessia=stolen; Domain=' + domain + '; Path=/; Secure'
  const workerRegistered = await navigator.serviceWorker.register('/worker.js').then(
    () => true,
    () => false,
  )
  const frame = document.createElement('iframe')
  frame.src = app
  const loaded = new Promise((done) => frame.addEventListener('load', done, { once: true }))
  document.body.append(frame)
  await loaded
  const popup = window.open(app)
  await new Promise((done) => setTimeout(done, 1500))
  popup?.postMessage({ type: 'SKIP_WAITING' }, '*')
  const reads = (what) => {
    try {
      return what() ? 'readable' : 'unreadable'
    } catch {
      return 'unreadable'
    }
  }
  return {
    opener: window.opener === null ? 'none' : 'reachable',
    read,
    workerRegistered,
    frame: reads(() => frame.contentDocument.body.textContent),
    window: reads(() => popup.document.body.textContent || popup.localStorage),
    storage: localStorage.length === 0 ? 'empty' : 'filled',
    cookie: document.cookie.includes('__Host-travessia') ? 'visible' : 'invisible',
  }
}`

/** The same page sends a form, which needs nobody's permission. */
export const hostileForm = `(app) => {
  const form = document.createElement('form')
  form.method = 'POST'
  form.action = app + '/api/installations'
  form.enctype = 'text/plain'
  const input = document.createElement('input')
  input.name = '{"name":"invadida","customer":"'
  input.value = '"}'
  form.append(input)
  document.body.append(form)
  form.submit()
}`
