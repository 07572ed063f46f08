/** The simulated OctoPrint's own page: it polls the API with the key that the page brings along, and has its buttons. */
export const octoprintPage = (
  apiKey: string,
) => `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Impressora 3D</title><style>
body { font-family: system-ui, sans-serif; margin: 0; background: #f4f1ea; color: #2c2419 }
main { max-width: 600px; margin: auto; padding: 20px; display: grid; gap: 14px }
progress { width: 100%; height: 24px } dl { display: grid; grid-template-columns: 1fr 1fr; gap: 10px; margin: 0 } dd { margin: 0; font-weight: 600 }
nav { display: flex; flex-wrap: wrap; gap: 8px } button, select { font: inherit; padding: 10px 14px; border: 0; border-radius: 8px; background: #6b4f2a; color: #fff }
#stop { background: #a3201a; margin-left: auto }
</style></head><body><main><h1>Impressora 3D</h1><p><b id="state">…</b> <span id="file"></span></p>
<progress max="100" value="0" aria-label="Progresso"></progress>
<dl><dt>Bico</dt><dd id="tool">…</dd><dt>Mesa</dt><dd id="bed">…</dd><dt>Falta</dt><dd id="left">…</dd></dl>
<nav><select id="files" aria-label="Arquivo"></select><button id="start">Imprimir</button></nav>
<nav><button id="pause">Pausar</button><button id="resume">Continuar</button><button id="cancel">Cancelar</button>
<button id="connect">Conectar</button><button id="stop">Parada de emergência</button></nav></main><script>
const headers = { 'X-Api-Key': ${JSON.stringify(apiKey)}, 'Content-Type': 'application/json' }
const get = path => fetch('/api/' + path, { headers }).then(r => r.ok ? r.json() : {})
const post = (path, body) => fetch('/api/' + path, { method: 'POST', headers, body: JSON.stringify(body) }).then(poll)
const at = id => document.getElementById(id)
const set = (id, text) => { at(id).textContent = text }
const degrees = one => one ? one.actual + ' / ' + one.target + ' °C' : '–'
async function poll() {
  const [{ temperature = {} }, { job, progress, state }] = await Promise.all([get('printer'), get('job')])
  set('state', state); set('file', job.file.name || ''); set('tool', degrees(temperature.tool0)); set('bed', degrees(temperature.bed))
  set('left', progress.printTimeLeft === null ? '–' : progress.printTimeLeft + ' s')
  document.querySelector('progress').value = progress.completion || 0
}
const click = (id, run) => at(id).addEventListener('click', run)
click('pause', () => post('job', { command: 'pause', action: 'pause' }))
click('resume', () => post('job', { command: 'pause', action: 'resume' }))
click('cancel', () => post('job', { command: 'cancel' }))
click('connect', () => post('connection', { command: 'connect' }))
click('stop', () => post('printer/command', { commands: ['M112'] }))
click('start', () => post('files/local/' + at('files').value.split('/').map(encodeURIComponent).join('/'), { command: 'select', print: true }))
const flat = list => list.flatMap(entry => entry.children ? flat(entry.children) : [entry])
get('files?recursive=true').then(({ files }) => at('files').replaceChildren(...flat(files).map(({ path }) => new Option(path))))
poll(); setInterval(poll, 2000)</script></body></html>`
