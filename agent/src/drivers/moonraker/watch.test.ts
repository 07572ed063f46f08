import { createServer } from 'node:http'
import { compile } from '@travessia/schemas/compile'
import { type DeviceState, deviceStateSchema } from '@travessia/schemas/device-state'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { createDeviceFetch } from '../../device-fetch.ts'
import { createDeviceSocket } from '../../device-socket.ts'
import { closedPort, deviceAt, listening } from '../../fixtures.ts'
import { createMoonraker } from '../../simulators/moonraker.ts'
import { createDriver } from './driver.ts'
import type { Timing } from './watch.ts'

const isState = compile(deviceStateSchema)
const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
const quick: Timing = { retryMs: 20, retryMaxMs: 80, beatMs: 60_000, answerMs: 2_000 }
const apiKey = 'segredo'

type Options = { timing?: Partial<Timing>; password?: string; allowLoopback?: boolean }

/** What is told of the printer at `url` until the test ends. */
function watching(url: string, { timing, password = apiKey, allowLoopback = true }: Options = {}) {
  const device = deviceAt(url, { driver: 'moonraker' })
  const strict = { ...policy, allowLoopback: () => allowLoopback }
  const fetch = createDeviceFetch(device, strict)
  const openSocket = createDeviceSocket(device, strict)
  const credentials = { login: '', password }
  const target = { baseUrl: url, credentials, fetch, openSocket }
  const told: DeviceState[] = []
  const driver = createDriver(target, { ...quick, ...timing })
  const stop = driver.watch?.((state) => told.push(state)) ?? (() => undefined)
  onTestFinished(stop)
  const becomes = (state: object) =>
    vi.waitFor(() => expect(told.at(-1)).toMatchObject(state), { timeout: 10_000, interval: 5 })
  return { told, stop, becomes }
}

async function printer(options = {}) {
  const device = createMoonraker({ port: 0, apiKey, ...options })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const fail = async (faults: object) => {
    const body = JSON.stringify(faults)
    await fetch(`${url}/__simulator/faults`, { method: 'POST', body })
  }
  return { device, url, fail, machine: device.machine }
}

test('a printer is told at once with its files, and every change is pushed', async () => {
  const { device, url, machine } = await printer()
  const { told, becomes } = watching(url)
  await becomes({ status: 'idle', files: expect.arrayContaining(['peças/engrenagem 12.gcode']) })
  machine.start('suporte.gcode')
  await becomes({ status: 'printing', job: { file: 'suporte.gcode', layers: 120 } })
  machine.pause()
  await becomes({ status: 'paused' })
  machine.resume()
  machine.complete()
  await becomes({ status: 'finished', job: { progress: 100 } })
  expect(device.connections).toBe(1)
  expect(told.filter((state) => !isState(state))).toEqual([])
})

test('what changed is merged: temperatures move, and the rest of the state stays', async () => {
  const { url } = await printer({ printing: 'suporte.gcode' })
  const { told, becomes } = watching(url)
  await becomes({ status: 'printing' })
  const first = told.at(-1)?.temperatures?.[0]?.actual ?? 0
  await expect.poll(() => told.at(-1)?.temperatures?.[0]?.actual).toBeGreaterThan(first + 1)
  expect(told.at(-1)).toMatchObject({ status: 'printing', job: { file: 'suporte.gcode' } })
})

test.each([
  ['shutdown', 'estop'],
  ['disconnected', 'disconnected'],
] as const)('Klipper that goes %s is told, and that it is ready again', async (klippy, status) => {
  const { url, fail } = await printer()
  const { becomes } = watching(url)
  await becomes({ status: 'idle' })
  await fail({ klippy })
  await becomes({ status })
  await fail({ klippy: 'ready' })
  await becomes({ status: 'idle' })
})

test('Klipper that is in error without a word is found by the question in a while', async () => {
  const { url, fail } = await printer()
  const { becomes } = watching(url, { timing: { beatMs: 50 } })
  await becomes({ status: 'idle' })
  await fail({ klippy: 'error' })
  await becomes({ status: 'error', detail: "mcu 'mcu': Unable to connect" })
})

test('a Moonraker without Klipper is watched until Klipper comes', async () => {
  const { url, fail } = await printer()
  await fail({ klippy: 'startup' })
  const { becomes } = watching(url)
  await becomes({ status: 'disconnected' })
  await fail({ klippy: 'ready' })
  await becomes({ status: 'idle' })
})

test('a connection that is cut is offline, and made again', async () => {
  const { device, url, fail } = await printer()
  const { told, becomes } = watching(url)
  await becomes({ status: 'idle' })
  await fail({ dropSocketsNow: true })
  await expect.poll(() => told.map(({ status }) => status)).toContain('offline')
  await becomes({ status: 'idle' })
  expect(device.connections).toBe(1)
})

test('a connection that stays open but says nothing is offline after the question in a while', async () => {
  const { device, url, fail } = await printer()
  const { becomes } = watching(url, { timing: { beatMs: 50, answerMs: 300 } })
  await becomes({ status: 'idle' })
  await fail({ hang: true })
  await becomes({ status: 'offline' })
  await fail({})
  await becomes({ status: 'idle' })
  expect(device.connections).toBe(1)
})

test('a printer whose port refuses, or that is not allowed, is offline', async () => {
  await watching(`http://127.0.0.1:${await closedPort()}`).becomes({ status: 'offline' })
  const { url, device } = await printer()
  await watching(url, { allowLoopback: false }).becomes({ status: 'offline' })
  expect(device.connections).toBe(0)
})

test('a refused API key is told as such: the state is not known', async () => {
  const { url } = await printer()
  const refused = { status: 'unknown', detail: 'DEVICE_SIGN_IN_REFUSED' }
  const { becomes, told } = watching(url, { password: 'wrong' })
  await becomes(refused)
  expect(JSON.stringify(told)).not.toContain('wrong')
})

test('a server that refuses the upgrade with 401 refused the key, any other answer is offline', async () => {
  const status = { code: 401 }
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    socket.end(`HTTP/1.1 ${status.code} No\r\ncontent-length: 0\r\n\r\n`)
  })
  const { becomes } = watching(`http://127.0.0.1:${await listening(server)}`)
  await becomes({ status: 'unknown', detail: 'DEVICE_SIGN_IN_REFUSED' })
  status.code = 404
  await becomes({ status: 'offline' })
})

test('the key goes with the upgrade and with the greeting', async () => {
  const seen: unknown[] = []
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    seen.push(request.headers['x-api-key'])
    socket.once('message', (data) => {
      seen.push(JSON.parse(String(data)))
      socket.terminate()
    })
  })
  watching(`http://127.0.0.1:${await listening(server)}`, { timing: { retryMs: 60_000 } })
  await expect.poll(() => seen).toHaveLength(2)
  expect(seen).toMatchObject([
    apiKey,
    { method: 'server.connection.identify', params: { client_name: 'travessia', api_key: apiKey } },
  ])
})

test('a device that sends what is no JSON-RPC is left, and nothing is told but offline', async () => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => {
    for (const text of ['no json', '[]', 'null', '{"id":1,"error":7}', '{"method":5}'])
      socket.send(text)
    socket.send('{"method":"notify_status_update","params":[{"print_stats":7},1]}')
  })
  const { told } = watching(`http://127.0.0.1:${await listening(server)}`, {
    timing: { answerMs: 100 },
  })
  await expect.poll(() => told.length).toBeGreaterThan(1)
  expect(new Set(told.map(({ status }) => status))).toEqual(new Set(['offline']))
  for (const socket of sockets.clients) socket.terminate()
})

test('a message beyond one megabyte ends the connection', async () => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  let closed = 0
  sockets.on('connection', (socket) => {
    socket.on('close', () => {
      closed += 1
    })
    socket.send('x'.repeat(1024 * 1024 + 1))
  })
  const { becomes } = watching(`http://127.0.0.1:${await listening(server)}`)
  await becomes({ status: 'offline' })
  await expect.poll(() => closed).toBeGreaterThan(0)
})

test('after the stop the connection is closed, nothing is told and none is made again', async () => {
  const { device, url, machine } = await printer()
  const { told, stop, becomes } = watching(url)
  await becomes({ status: 'idle', files: expect.any(Array) })
  stop()
  await expect.poll(() => device.connections).toBe(0)
  const states = told.length
  machine.start('suporte.gcode')
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toHaveLength(states)
})

test('a stop while it connects leaves no connection behind', async () => {
  const { device, url, fail } = await printer()
  await fail({ hang: true })
  const { told, stop } = watching(url)
  await expect.poll(() => device.connections).toBe(1)
  stop()
  await expect.poll(() => device.connections).toBe(0)
  expect(told).toEqual([])
})
