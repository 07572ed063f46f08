/** A simulated 3D printer: a page and the part of OctoPrint's status API that it polls (DEVICES 2.1). */
import { DeviceServer, type Handler, html, json } from './device-server.ts'

const jobSeconds = 1_800

export function createPrinter({ port, host }: { port: number; host?: string }) {
  const startedAt = Date.now()

  const progress = () => ((Date.now() - startedAt) / 1000) % jobSeconds
  const wave = (base: number, swing: number) => base + swing * Math.sin(Date.now() / 4_000)
  const temperature = (base: number) => ({
    ...{ actual: Number(wave(base, 0.8).toFixed(1)), target: base, offset: 0 },
  })
  const flags = { operational: true, printing: true, paused: false, error: false, ready: false }
  const answers: Readonly<Record<string, () => unknown>> = {
    '/api/version': () => ({ api: '0.1', server: '1.10.2', text: 'OctoPrint 1.10.2' }),
    '/api/printer': () => ({
      temperature: { tool0: temperature(220), bed: temperature(60) },
      state: { text: 'Printing', flags },
    }),
    '/api/job': () => ({
      job: {
        file: { name: 'suporte.gcode', origin: 'local', size: 1_468_987 },
        estimatedPrintTime: jobSeconds,
      },
      progress: {
        completion: (progress() / jobSeconds) * 100,
        printTime: Math.floor(progress()),
        printTimeLeft: Math.ceil(jobSeconds - progress()),
      },
      state: 'Printing',
    }),
  }
  const handle: Handler = ({ url, method }) => {
    if (method !== 'GET') return json({ error: 'Method not allowed' }, 405)
    if (url.pathname === '/') return html(page)
    const answer = answers[url.pathname]
    return answer ? json(answer()) : json({ error: 'Not found' }, 404)
  }
  const server = new DeviceServer(handle, { port, ...(host === undefined ? {} : { host }) })
  return {
    start: async () => ({ url: await server.start() }),
    stop: () => server.stop(),
  }
}

const page = `<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Impressora 3D</title><style>
body { font-family: system-ui, sans-serif; margin: 0; background: #f4f1ea; color: #2c2419 }
main { max-width: 600px; margin: auto; padding: 20px; display: grid; gap: 14px }
progress { width: 100%; height: 24px } dl { display: grid; grid-template-columns: 1fr 1fr; gap: 10px; margin: 0 } dd { margin: 0; font-weight: 600 }
</style></head><body><main><h1>Impressora 3D</h1><p id="file">…</p><progress max="100" value="0" aria-label="Progresso"></progress>
<dl><dt>Bico</dt><dd id="tool">…</dd><dt>Mesa</dt><dd id="bed">…</dd><dt>Falta</dt><dd id="left">…</dd></dl></main><script>
const set = (id, text) => { document.getElementById(id).textContent = text }
async function poll() {
  const [{ temperature }, { job, progress }] = await Promise.all(['printer', 'job'].map(name => fetch('/api/' + name).then(r => r.json())))
  set('tool', temperature.tool0.actual + ' °C'); set('bed', temperature.bed.actual + ' °C')
  set('file', job.file.name); set('left', Math.ceil(progress.printTimeLeft / 60) + ' min')
  document.querySelector('progress').value = progress.completion
}
poll(); setInterval(poll, 2000)</script></body></html>`
