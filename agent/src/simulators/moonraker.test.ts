import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createMoonraker, type MoonrakerOptions } from './moonraker.ts'

async function printer(options: Partial<MoonrakerOptions> = {}) {
  const device = createMoonraker({ port: 0, ...options })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, init)
    return { status: response.status, ...((await response.json()) as object) }
  }
  const post = (path: string, body: object = {}) =>
    ask(path, { method: 'POST', body: JSON.stringify(body) })
  return { device, url, ask, post, machine: device.machine }
}

/** One client of its WebSocket. */
async function client(url: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/websocket`)
  onTestFinished(() => socket.terminate())
  const heard: Array<{ id?: number; method?: string; params?: unknown[]; result?: unknown }> = []
  socket.on('message', (data) => heard.push(JSON.parse(String(data))))
  await once(socket, 'open')
  let lastId = 0
  const call = async (method: string, params: object = {}) => {
    lastId += 1
    const id = lastId
    socket.send(JSON.stringify({ jsonrpc: '2.0', method, params, id }))
    const answer = () => heard.find((one) => one.id === id)
    await expect.poll(answer).toBeDefined()
    return answer()
  }
  return { call, heard, socket }
}

test('the same calls are answered over HTTP and over the WebSocket', async () => {
  const { ask, url } = await printer({ printing: 'suporte.gcode' })
  const { call } = await client(url)
  expect(await ask('/server/info')).toMatchObject({ result: { klippy_state: 'ready' } })
  expect(await call('server.info')).toMatchObject({ result: { klippy_state: 'ready' } })
  const objects = { extruder: ['target'], nothing: null }
  const status = { extruder: { target: 210 }, nothing: {} }
  const query = '/printer/objects/query?extruder=target&nothing'
  expect(await ask(query)).toMatchObject({ result: { status } })
  expect(await call('printer.objects.query', { objects })).toMatchObject({ result: { status } })
  const files = [{ path: 'suporte.gcode' }, { path: 'tampa.gcode' }, {}]
  expect(await ask('/server/files/list?root=gcodes')).toMatchObject({ result: files })
  expect(await call('server.files.list')).toMatchObject({ result: files })
  expect(await call('no.such')).toMatchObject({ error: { code: -32_601 } })
  expect(await ask('/no/such')).toMatchObject({ status: 404, error: { code: 404 } })
})

test('a job is started, paused, resumed and cancelled; the pause of a pause is ok and does nothing', async () => {
  const { ask, post, machine } = await printer()
  expect(await post('/printer/print/start?filename=nada.gcode')).toMatchObject({ status: 400 })
  const start = '/printer/print/start?filename=pe%C3%A7as%2Fengrenagem%2012.gcode'
  expect(await ask(start)).toMatchObject({ status: 405 })
  expect(await post(start)).toMatchObject({ result: 'ok' })
  expect(await post(start)).toMatchObject({ status: 400, error: { message: 'SD busy' } })
  for (const name of ['pause', 'pause', 'resume', 'resume', 'cancel', 'cancel'])
    expect(await post(`/printer/print/${name}`)).toMatchObject({ result: 'ok' })
  expect(machine.state).toMatchObject({
    ...{ phase: 'cancelled', file: 'peças/engrenagem 12.gcode' },
    counts: { start: 1, pause: 1, resume: 1, cancel: 1 },
  })
})

test('heat is G-code, and other G-code is refused', async () => {
  const { post, machine } = await printer()
  expect(await post('/printer/gcode/script', { script: 'M104 S205.5' })).toMatchObject({
    result: 'ok',
  })
  expect(await post('/printer/gcode/script', { script: 'M140 S60' })).toMatchObject({
    result: 'ok',
  })
  expect(machine.targets).toEqual({ nozzle: 205.5, bed: 60 })
  expect(await post('/printer/gcode/script', { script: 'FIRE' })).toMatchObject({ status: 400 })
})

test('a subscriber hears what changed and nothing else, until it leaves', async () => {
  const { device, url, machine } = await printer()
  const { call, heard, socket } = await client(url)
  const objects = { print_stats: ['state', 'filename'], extruder: ['target'] }
  expect(await call('printer.objects.subscribe', { objects })).toMatchObject({
    result: { status: { print_stats: { state: 'standby' }, extruder: { target: 0 } } },
  })
  machine.setTarget('nozzle', 100)
  const params = [{ extruder: { target: 100 } }, expect.any(Number)]
  await expect.poll(() => heard.at(-1)).toMatchObject({ method: 'notify_status_update', params })
  expect(Object.keys(heard.at(-1)?.params?.[0] as object)).toEqual(['extruder'])
  socket.close()
  await expect.poll(() => device.connections).toBe(0)
})

test('an emergency stop shuts Klipper down with its reason, a restart makes it ready', async () => {
  const { ask, post, url, machine } = await printer({ printing: 'suporte.gcode' })
  const { heard } = await client(url)
  expect(await post('/printer/emergency_stop')).toMatchObject({ result: 'ok' })
  await expect.poll(() => heard.at(-1)?.method).toBe('notify_klippy_shutdown')
  expect(await ask('/printer/info')).toMatchObject({
    result: { state: 'shutdown', state_message: expect.stringContaining('webhooks request') },
  })
  expect(machine.targets).toEqual({ nozzle: 0, bed: 0 })
  expect(await post('/printer/print/resume')).toMatchObject({ status: 400 })
  await post('/printer/firmware_restart')
  await expect.poll(() => heard.at(-1)?.method).toBe('notify_klippy_ready')
  expect(await ask('/server/info')).toMatchObject({ result: { klippy_state: 'ready' } })
})

test('with a key strangers are refused over HTTP and over the WebSocket until they identify', async () => {
  const { ask, url } = await printer({ apiKey: 'segredo' })
  expect(await ask('/server/info')).toMatchObject({ status: 401 })
  const headers = { 'x-api-key': 'segredo' }
  expect(await ask('/server/info', { headers })).toMatchObject({ status: 200 })
  const { call } = await client(url)
  const identify = (api_key: string) => call('server.connection.identify', { api_key })
  expect(await call('server.info')).toMatchObject({ error: { code: -32_602 } })
  expect(await identify('wrong')).toMatchObject({ error: { message: 'Unauthorized' } })
  expect(await identify('segredo')).toMatchObject({ result: { connection_id: 1 } })
  expect(await call('server.info')).toMatchObject({ result: { klippy_state: 'ready' } })
})

test('faults are made on request and end on request, and the state counts what was done', async () => {
  const { ask, post, url } = await printer({ printing: 'suporte.gcode' })
  const fail = (faults: object) => post('/__simulator/faults', faults)
  await fail({ denied: true })
  expect(await post('/printer/print/pause')).toMatchObject({ status: 400 })
  await fail({ klippy: 'disconnected' })
  expect(await post('/printer/print/pause')).toMatchObject({ status: 503 })
  expect(await ask('/printer/info')).toMatchObject({ status: 503 })
  await fail({ klippy: 'ready', hang: 'commands' })
  const signal = AbortSignal.timeout(200)
  await expect(ask('/printer/print/pause', { method: 'POST', body: '', signal })).rejects.toThrow()
  expect(await ask('/server/info')).toMatchObject({ status: 200 })
  await fail({ cutAfterAction: true })
  await expect(post('/printer/print/pause')).rejects.toThrow()
  const { socket } = await client(url)
  const closed = once(socket, 'close')
  await fail({ dropSocketsNow: true })
  await closed
  expect(await ask('/__simulator/state')).toMatchObject({ phase: 'paused', counts: { pause: 1 } })
})

test('its page brings along what it needs', async () => {
  const { url } = await printer()
  expect(await (await fetch(url)).text()).toContain('/websocket')
})

test('a file is kept only with the digest that was given, and clients hear of it', async () => {
  const moonraker = createMoonraker({ port: 0 })
  onTestFinished(() => moonraker.stop())
  const { url } = await moonraker.start()
  const upload = async (checksum: string) => {
    const form = new FormData()
    form.set('file', new File(['G28'], 'nova.gcode'))
    form.set('checksum', checksum)
    return fetch(`${url}/server/files/upload`, { method: 'POST', body: form })
  }
  expect((await upload('0'.repeat(64))).status).toBe(422)
  expect(moonraker.machine.state.uploads).toEqual([])
  const taken = await upload(createHash('sha256').update('G28').digest('hex'))
  expect(taken.status).toBe(201)
  expect(await taken.json()).toMatchObject({
    item: { path: 'nova.gcode', root: 'gcodes', size: 3 },
  })
})
