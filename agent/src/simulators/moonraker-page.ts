/** The simulated Moonraker's own page: live over the WebSocket, as Mainsail and Fluidd are. */
export const moonrakerPage = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Klipper</title><style>
body { font-family: system-ui, sans-serif; margin: 0; background: #10181c; color: #dfe9ec }
main { max-width: 600px; margin: auto; padding: 20px; display: grid; gap: 14px }
progress { width: 100%; height: 24px } dl { display: grid; grid-template-columns: 1fr 1fr; gap: 10px; margin: 0 } dd { margin: 0; font-weight: 600 }
nav { display: flex; flex-wrap: wrap; gap: 8px } button, select { font: inherit; padding: 10px 14px; border: 0; border-radius: 8px; background: #2196a3; color: #fff }
#stop { background: #b3261e; margin-left: auto }
</style></head><body><main><h1>Klipper</h1><p><b id="state">…</b> <span id="file"></span></p>
<progress max="1" value="0" aria-label="Progresso"></progress>
<dl><dt>Bico</dt><dd id="tool">…</dd><dt>Mesa</dt><dd id="bed">…</dd><dt>Camada</dt><dd id="layer">…</dd></dl>
<nav><select id="files" aria-label="Arquivo"></select><button id="start">Imprimir</button></nav>
<nav><button id="pause">Pausar</button><button id="resume">Continuar</button><button id="cancel">Cancelar</button>
<button id="restart">Reiniciar</button><button id="stop">Parada de emergência</button></nav></main><script>
const at = id => document.getElementById(id)
const set = (id, text) => { at(id).textContent = text }
const all = { webhooks: {}, print_stats: {}, virtual_sdcard: {}, extruder: {}, heater_bed: {} }
const calls = new Map()
let socket, last = 0
const call = (method, params = {}) => new Promise(resolve => {
  calls.set(++last, resolve); socket.send(JSON.stringify({ jsonrpc: '2.0', method, params, id: last }))
})
const degrees = one => one.temperature === undefined ? '–' : one.temperature + ' / ' + one.target + ' °C'
function show(delta) {
  for (const name in delta) Object.assign(all[name] ||= {}, delta[name])
  const { webhooks, print_stats, virtual_sdcard, extruder, heater_bed } = all
  set('state', webhooks.state === 'ready' ? print_stats.state : webhooks.state); set('file', print_stats.filename || '')
  set('tool', degrees(extruder)); set('bed', degrees(heater_bed))
  const { current_layer, total_layer } = print_stats.info || {}
  set('layer', total_layer ? current_layer + ' / ' + total_layer : '–')
  document.querySelector('progress').value = virtual_sdcard.progress || 0
}
async function look() {
  const { klippy_state } = await call('server.info')
  if (klippy_state !== 'ready') return show({ webhooks: { state: klippy_state } })
  const objects = Object.fromEntries(Object.keys(all).map(name => [name, null]))
  show((await call('printer.objects.subscribe', { objects })).status)
}
function connect() {
  socket = new WebSocket(location.origin.replace('http', 'ws') + '/websocket')
  socket.onopen = async () => {
    await look()
    const files = await call('server.files.list', { root: 'gcodes' })
    at('files').replaceChildren(...files.map(({ path }) => new Option(path)))
  }
  socket.onmessage = ({ data }) => {
    const { id, result, method, params } = JSON.parse(data)
    if (method === 'notify_status_update') show(params[0])
    else if (method && method.startsWith('notify_klippy')) look()
    else if (calls.has(id)) { calls.get(id)(result); calls.delete(id) }
  }
  socket.onclose = () => { set('state', 'sem conexão'); setTimeout(connect, 2000) }
}
const click = (id, run) => at(id).addEventListener('click', run)
for (const id of ['pause', 'resume', 'cancel']) click(id, () => call('printer.print.' + id))
click('start', () => call('printer.print.start', { filename: at('files').value }))
click('stop', () => call('printer.emergency_stop'))
click('restart', () => call('printer.firmware_restart'))
connect()</script></body></html>`
