/** The web pages of the simulated turnstile, built as the real ones are: a login page at the root,
 * relative links under `/en_US/html/`, root-absolute calls, and a session cookie that the script writes. */

const style = `
:root { font-family: system-ui, sans-serif; color: #16323c; background: #e9f0f2 }
* { box-sizing: border-box }
body { margin: 0 }
header { background: #00566b; color: #fff; padding: 14px 16px; display: flex; align-items: center; gap: 12px }
header b { font-size: 18px } header a { color: #cfeaf2; margin-left: auto }
main { max-width: 720px; margin: 0 auto; padding: 16px; display: grid; gap: 16px }
section { background: #fff; border-radius: 8px; padding: 16px; box-shadow: 0 1px 3px #0002 }
h1 { font-size: 17px; margin: 0 0 12px }
button { font: inherit; padding: 12px 14px; border: 0; border-radius: 6px; background: #00829f; color: #fff; min-height: 44px }
label { display: grid; gap: 4px; margin-bottom: 12px } input { font: inherit; padding: 10px; border: 1px solid #8aa; border-radius: 6px }
.actions { display: flex; flex-wrap: wrap; gap: 8px }
.counters { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; text-align: center }
.counters strong { display: block; font-size: 28px }
table { width: 100%; border-collapse: collapse; font-size: 14px } td { padding: 6px 4px; border-top: 1px solid #dde }
#error { color: #a40000; min-height: 1.2em } #arm { font-weight: 600 }`

const login = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>iDBlock</title>
<link rel="stylesheet" href="/en_US/css/style.css"></head><body>
<header><b>iDBlock</b></header><main><section><h1>Entrar</h1><form id="login">
<label>Usuário <input name="login" autocomplete="username" value="admin"></label>
<label>Senha <input name="password" type="password" autocomplete="current-password"></label>
<button>Entrar</button><p id="error" role="alert"></p></form></section></main>
<script src="/en_US/js/login.js"></script></body></html>`

const loginScript = `
fetch('/session_is_valid.fcgi').then(r => r.json()).then(v => { if (v.session_is_valid) location = '/en_US/html/index.html' })
document.getElementById('login').addEventListener('submit', async event => {
  event.preventDefault()
  const answer = await fetch('/login.fcgi', { method: 'POST', body: new URLSearchParams(new FormData(event.target)),
    headers: { 'X-Requested-With': 'XMLHttpRequest' } })
  const value = await answer.json()
  if (!value.session) { document.getElementById('error').textContent = value.error; return }
  document.cookie = 'session=' + value.session + '; path=/'
  document.cookie = 'login=admin; path=/'
  location = '/en_US/html/index.html'
})`

const index = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>iDBlock: painel</title>
<link rel="stylesheet" href="../css/style.css"></head><body>
<header><b>iDBlock</b> <span id="serial"></span> <a href="#" id="logout">Sair</a></header><main>
<section><h1>Catraca</h1><p>Braço: <span id="arm">…</span></p><div class="actions">
<button data-allow="clockwise">Liberar horário</button><button data-allow="anticlockwise">Liberar anti-horário</button>
<button data-allow="both">Liberar ambos</button></div></section>
<section><h1>Giros</h1><div class="counters"><div><strong id="left">0</strong>esquerda</div><div><strong id="right">0</strong>direita</div></div></section>
<section><h1>Últimos acessos</h1><table><tbody id="logs"></tbody></table></section>
<section><a href="about.html">Sobre este equipamento</a></section></main>
<script src="../js/app.js"></script></body></html>`

const script = `
const call = async (command, body) => {
  const answer = await fetch('/' + command + '.fcgi', { method: 'POST', body: JSON.stringify(body || {}),
    headers: { 'Content-Type': 'application/json' } })
  if (answer.status === 401) { location = '/'; throw new Error('session ended') }
  const text = await answer.text()
  return text ? JSON.parse(text) : {}
}
const show = (id, text) => { document.getElementById(id).textContent = text }
const arms = { locked: 'bloqueado', released: 'liberado' }
async function poll() {
  const info = await call('get_catra_info')
  show('left', info.left_turns); show('right', info.right_turns); show('arm', arms[info.arm] || info.arm)
  const { access_logs } = await call('load_objects', { object: 'access_logs', limit: 8, offset: 0, order: ['time', 'descending'] })
  const rows = access_logs.map(log => {
    const row = document.createElement('tr')
    for (const text of [new Date(log.time * 1000).toLocaleTimeString(), 'evento ' + log.event]) {
      const cell = document.createElement('td'); cell.textContent = text; row.append(cell)
    }
    return row
  })
  document.getElementById('logs').replaceChildren(...rows)
}
for (const button of document.querySelectorAll('[data-allow]')) {
  button.addEventListener('click', async () => {
    await call('execute_actions', { actions: [{ action: 'catra', parameters: 'allow=' + button.dataset.allow }] })
    poll()
  })
}
document.getElementById('logout').addEventListener('click', async event => {
  event.preventDefault(); await call('logout'); location = '/'
})
call('system_information').then(info => show('serial', info.serial))
poll(); setInterval(poll, 1000)`

const about = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8"><title>iDBlock: sobre</title>
<link rel="stylesheet" href="../css/style.css"></head><body><header><b>iDBlock</b></header><main><section>
<h1>Sobre</h1><p>Catraca simulada do Travessia.</p><a href="index.html">Voltar</a></section></main></body></html>`

export const turnstilePages: Readonly<Record<string, { type: string; body: string }>> = {
  '/': { type: 'text/html; charset=utf-8', body: login },
  '/en_US/html/index.html': { type: 'text/html; charset=utf-8', body: index },
  '/en_US/html/about.html': { type: 'text/html; charset=utf-8', body: about },
  '/en_US/css/style.css': { type: 'text/css', body: style },
  '/en_US/js/login.js': { type: 'text/javascript', body: loginScript },
  '/en_US/js/app.js': { type: 'text/javascript', body: script },
}
