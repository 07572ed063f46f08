import { request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createOctoPrint, type OctoPrintOptions, simulatedApiKey } from './octoprint.ts'

async function printer(options: Partial<OctoPrintOptions> = {}) {
  const device = createOctoPrint({ port: 0, ...options })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const headers = { 'x-api-key': simulatedApiKey }
  const ask = (path: string, init: RequestInit = {}) => fetch(url + path, { headers, ...init })
  const get = async (path: string) => (await ask(path)).json()
  const post = async (path: string, body: object) => {
    const init = { method: 'POST', body: JSON.stringify(body) }
    return (await ask(path, init)).status
  }
  return { device, url, ask, get, post, machine: device.machine }
}

test('no key and a wrong key are 403, for reads as for commands', async () => {
  const { ask, url, machine } = await printer({ printing: 'suporte.gcode' })
  expect((await fetch(`${url}/api/version`)).status).toBe(403)
  expect((await fetch(`${url}/favicon.ico`)).status).toBe(404)
  const wrong = { headers: { 'x-api-key': 'wrong' } }
  expect((await ask('/api/job', wrong)).status).toBe(403)
  const body = '{"command":"cancel"}'
  expect((await ask('/api/job', { ...wrong, method: 'POST', body })).status).toBe(403)
  expect(machine.phase).toBe('printing')
})

test('it says its version, connection, state, job and files as OctoPrint does', async () => {
  const { get } = await printer({ printing: 'peças/engrenagem 12.gcode' })
  expect(await get('/api/version')).toMatchObject({ text: 'OctoPrint 1.10.2' })
  expect(await get('/api/connection')).toMatchObject({ current: { state: 'Printing' } })
  expect(await get('/api/printer')).toMatchObject({
    temperature: { tool0: { target: 210 }, bed: { target: 60 } },
    state: { text: 'Printing', flags: { printing: true, ready: false, paused: false } },
  })
  expect(await get('/api/job')).toMatchObject({
    job: { file: { name: 'engrenagem 12.gcode', path: 'peças/engrenagem 12.gcode' } },
    progress: { completion: expect.any(Number), printTimeLeft: expect.any(Number) },
  })
  const { files } = (await get('/api/files?recursive=true')) as { files: object[] }
  expect(files).toContainEqual(
    expect.objectContaining({ type: 'folder', path: 'peças', children: [expect.anything()] }),
  )
})

test('a job is started, paused, resumed and cancelled; what does not fit the state is 409', async () => {
  const { post, get, machine } = await printer()
  const select = { command: 'select', print: true }
  expect(await post('/api/job', { command: 'pause', action: 'pause' })).toBe(409)
  expect(await post('/api/job', { command: 'cancel' })).toBe(409)
  expect(await post('/api/files/local/nada.gcode', select)).toBe(404)
  expect(await post('/api/files/local/pe%C3%A7as/engrenagem%2012.gcode', select)).toBe(204)
  expect(await post('/api/files/local/tampa.gcode', select)).toBe(409)
  expect(await post('/api/job', { command: 'pause', action: 'pause' })).toBe(204)
  expect(await get('/api/job')).toMatchObject({ state: 'Paused' })
  // Accepted, and nothing happens: as the real one.
  expect(await post('/api/job', { command: 'pause', action: 'pause' })).toBe(204)
  expect(machine.state.counts).toMatchObject({ start: 1, pause: 1, resume: 0 })
  expect(await post('/api/job', { command: 'pause' })).toBe(204)
  expect(machine.phase).toBe('printing')
  expect(await post('/api/job', { command: 'cancel' })).toBe(204)
  expect(machine.state).toMatchObject({ phase: 'cancelled', counts: { resume: 1, cancel: 1 } })
})

test('an emergency stop closes the connection with its reason, and connecting opens it again', async () => {
  const { post, get, ask } = await printer({ printing: 'suporte.gcode' })
  expect(await post('/api/printer/command', { commands: ['M112'] })).toBe(204)
  expect((await ask('/api/printer')).status).toBe(409)
  expect(await get('/api/job')).toMatchObject({
    ...{ state: 'Offline after error', error: expect.stringContaining('M112') },
  })
  expect(await post('/api/printer/bed', { command: 'target', target: 60 })).toBe(409)
  expect(await post('/api/connection', { command: 'connect' })).toBe(204)
  expect(await get('/api/printer')).toMatchObject({ state: { text: 'Operational' } })
})

function upload(name: string, bytes: number, fields: Record<string, string> = {}): RequestInit {
  const form = new FormData()
  form.set('file', new File([new Uint8Array(bytes)], name))
  for (const [field, value] of Object.entries(fields)) form.set(field, value)
  return { method: 'POST', body: form }
}

test('a file is taken into its folder and printed when asked to, a wrong one is refused', async () => {
  const { ask, machine } = await printer()
  const taken = await ask(
    '/api/files/local',
    upload('nova.gcode', 300_000, { path: 'a', print: 'true' }),
  )
  expect(taken.status).toBe(201)
  expect(taken.headers.get('location')).toBe('/api/files/local/a/nova.gcode')
  expect(machine.files.get('a/nova.gcode')?.size).toBe(300_000)
  expect(machine.state).toMatchObject({ file: 'a/nova.gcode', counts: { upload: 1, start: 1 } })
  const statusOf = async (init: RequestInit) => (await ask('/api/files/local', init)).status
  expect(await statusOf(upload('a.exe', 1))).toBe(415)
  expect(await statusOf(upload('a.gcode', 1, { path: '../../etc' }))).toBe(400)
  expect(await statusOf(upload('nova.gcode', 1, { path: 'a' }))).toBe(409)
  expect(await statusOf({ method: 'POST', body: 'no form' })).toBe(400)
})

test('a file beyond sixty-four megabytes is not kept in memory, announced or not', async () => {
  const { url } = await printer()
  const send = (headers: Record<string, string | number>, megabytes: number) =>
    new Promise<number | 'cut'>((resolve) => {
      const to = request(`${url}/api/files/local`, { method: 'POST', headers })
      to.on('response', ({ statusCode = 0 }) => resolve(statusCode))
      to.on('error', () => resolve('cut'))
      to.flushHeaders()
      for (let n = 0; n < megabytes; n += 1) to.write(Buffer.alloc(1024 * 1024))
      if (megabytes > 0) to.end()
    })
  expect(await send({ 'content-length': 65 * 1024 * 1024 }, 0)).toBe(413)
  expect([413, 'cut']).toContain(await send({ 'transfer-encoding': 'chunked' }, 65))
})

test('a print advances with time, heats up and ends', async () => {
  const { get, machine } = await printer({ printing: 'tampa.gcode', jobSeconds: 0.5 })
  const first = machine.progress
  await expect.poll(() => machine.progress).toBeGreaterThan(first)
  await expect.poll(() => machine.temperature('nozzle').actual).toBeGreaterThan(22)
  await expect.poll(() => machine.phase).toBe('finished')
  expect(machine.targets).toEqual({ nozzle: 0, bed: 0 })
  expect(await get('/api/job')).toMatchObject({
    ...{ state: 'Operational', progress: { completion: 100, printTimeLeft: 0 } },
  })
})

test('faults are made on request and end on request, and the state counts what was done', async () => {
  const { ask, post, url } = await printer({ printing: 'suporte.gcode' })
  await post('/__simulator/faults', { denied: true })
  expect(await post('/api/job', { command: 'cancel' })).toBe(409)
  await post('/__simulator/faults', { offline: true })
  expect((await ask('/api/printer')).status).toBe(409)
  await post('/__simulator/faults', { keyRefused: true })
  expect((await ask('/api/printer')).status).toBe(403)
  await post('/__simulator/faults', { hang: 'commands' })
  const body = '{"command":"cancel"}'
  const signal = AbortSignal.timeout(200)
  await expect(ask('/api/job', { method: 'POST', body, signal })).rejects.toThrow()
  expect((await ask('/api/printer')).status).toBe(200)
  await post('/__simulator/faults', { cutAfterAction: true })
  await expect(ask('/api/job', { method: 'POST', body })).rejects.toThrow()
  await post('/__simulator/faults', {})
  const state = await (await fetch(`${url}/__simulator/state`)).json()
  expect(state).toMatchObject({ phase: 'cancelled', counts: { cancel: 1 } })
})
