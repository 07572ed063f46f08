import { createServer } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { compile } from '@travessia/schemas/compile'
import { type DeviceState, deviceStateSchema } from '@travessia/schemas/device-state'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createDeviceFetch } from '../../device-fetch.ts'
import { createDeviceSocket } from '../../device-socket.ts'
import { closedPort, deviceAt, listening } from '../../fixtures.ts'
import { createOctoPrint, simulatedApiKey } from '../../simulators/octoprint.ts'
import { context } from '../conformance.ts'
import { createDriver } from './driver.ts'
import { pausesOf, type Timing } from './watch.ts'

const isState = compile(deviceStateSchema)
const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
const quick: Timing = { activeMs: 20, idleMs: 20, awayMaxMs: 80, filesMs: 60_000, answerMs: 2_000 }

/** What is told of the printer at `url` until the test ends. */
function watching(url: string, timing: Partial<Timing> = {}) {
  const device = deviceAt(url, { driver: 'octoprint' })
  const fetch = createDeviceFetch(device, policy)
  const openSocket = createDeviceSocket(device, policy)
  const credentials = { login: '', password: simulatedApiKey }
  const target = { baseUrl: url, credentials, fetch, openSocket }
  const driver = createDriver(target, { ...quick, ...timing })
  const told: DeviceState[] = []
  const stop = driver.watch?.((state) => told.push(state)) ?? (() => undefined)
  onTestFinished(stop)
  const becomes = (state: object) =>
    vi.waitFor(() => expect(told.at(-1)).toMatchObject(state), { timeout: 10_000, interval: 5 })
  return { driver, told, stop, becomes }
}

async function printer(options = {}) {
  const device = createOctoPrint({ port: 0, ...options })
  onTestFinished(() => device.stop())
  const { url } = await device.start()
  const fail = async (faults: object) => {
    const body = JSON.stringify(faults)
    await fetch(`${url}/__simulator/faults`, { method: 'POST', body })
  }
  return { device, url, fail, machine: device.machine }
}

test('a printer is told at once with its files, and whenever it changes', async () => {
  const { url, machine } = await printer()
  const { told, becomes } = watching(url)
  await becomes({ status: 'idle', files: expect.arrayContaining(['peças/engrenagem 12.gcode']) })
  machine.start('suporte.gcode')
  await becomes({ status: 'printing', job: { file: 'suporte.gcode' } })
  machine.pause()
  await becomes({ status: 'paused' })
  machine.resume()
  machine.complete()
  await becomes({ status: 'finished', job: { progress: 100 } })
  machine.emergencyStop()
  await becomes({ status: 'estop' })
  expect(told.filter((state) => !isState(state))).toEqual([])
})

test('a printer that does not answer is offline, and known again when it is back', async () => {
  const { url, fail } = await printer()
  const { becomes } = watching(url, { answerMs: 200 })
  await becomes({ status: 'idle' })
  await fail({ hang: true })
  await becomes({ status: 'offline' })
  await fail({})
  await becomes({ status: 'idle' })
})

test('a printer whose port refuses is offline', async () => {
  const { becomes } = watching(`http://127.0.0.1:${await closedPort()}`)
  await becomes({ status: 'offline' })
})

test('a printer that is switched off is disconnected, and OctoPrint itself is not offline', async () => {
  const { url, fail } = await printer()
  const { becomes } = watching(url)
  await fail({ offline: true })
  await becomes({ status: 'disconnected', detail: 'Offline' })
})

test('a refused API key is told as such: the state is not known', async () => {
  const { url, fail } = await printer()
  await fail({ keyRefused: true })
  const { becomes } = watching(url)
  await becomes({ status: 'unknown', detail: 'DEVICE_SIGN_IN_REFUSED' })
})

test('what is no OctoPrint is told as such', async () => {
  const server = createServer((_request, response) => response.end('<h1>router</h1>'))
  const { becomes } = watching(`http://127.0.0.1:${await listening(server)}`)
  await becomes({ status: 'unknown', detail: 'DEVICE_ANSWER' })
})

async function watched(options: object, timing: Partial<Timing>) {
  const { device, url } = await printer(options)
  return { ...watching(url, timing), requests: device.requests, machine: device.machine }
}

test('a printer that rests is asked seldom, one that prints often', async () => {
  const resting = await watched({}, { activeMs: 5, idleMs: 60_000 })
  await resting.becomes({ status: 'idle' })
  const printing = await watched({ printing: 'suporte.gcode' }, { activeMs: 5, idleMs: 60_000 })
  await expect.poll(() => printing.told.length).toBeGreaterThan(8)
  expect(resting.told).toHaveLength(1)
})

test('the list of files is not read again while printing', async () => {
  const { requests, told } = await watched(
    { printing: 'suporte.gcode' },
    { activeMs: 5, filesMs: 0 },
  )
  await expect.poll(() => told.length).toBeGreaterThan(5)
  expect(requests.filter((one) => one.startsWith('GET /api/files'))).toHaveLength(1)
  expect(told.at(-1)?.files).toHaveLength(3)
})

test('after a command the printer is looked at without waiting for its turn', async () => {
  const { driver, becomes, machine } = await watched({}, { idleMs: 60_000 })
  await becomes({ status: 'idle' })
  await driver.execute({ name: 'StartPrint', args: { file: 'tampa.gcode' } }, context())
  await becomes({ status: 'printing', job: { file: 'tampa.gcode' } })
  expect(machine.state.counts.start).toBe(1)
})

test('while it is away the printer is asked ever more seldom, up to the limit', () => {
  const pauseAfter = pausesOf({ ...quick, activeMs: 2, idleMs: 10, awayMaxMs: 60 })
  const found = ['offline', 'offline', 'unknown', 'offline', 'offline', 'idle', 'offline'] as const
  expect(found.map((status) => pauseAfter(status))).toEqual([10, 20, 40, 60, 60, 10, 10])
  expect(pauseAfter('printing')).toBe(2)
})

test('after the stop nothing is told and nothing is asked any more, not even by a command', async () => {
  const { told, stop, requests, driver, becomes } = await watched({}, {})
  await becomes({ status: 'idle' })
  stop()
  const [states, asked] = [told.length, requests.length]
  await driver.execute({ name: 'SetTemperature', args: { heater: 'bed', target: 1 } }, context())
  expect(told).toHaveLength(states)
  expect(requests.slice(asked).filter((one) => one.startsWith('GET /api/files'))).toEqual([])
})

test('a stop in the middle of a look leaves no connection behind', async () => {
  const open = new Set<Socket>()
  const silent = createTcpServer((socket) => {
    socket.once('data', () => open.add(socket))
    socket.on('error', () => undefined)
    socket.once('close', () => open.delete(socket))
  })
  const { stop, told } = watching(`http://127.0.0.1:${await listening(silent)}`)
  await expect.poll(() => open.size).toBe(1)
  stop()
  await expect.poll(() => open.size).toBe(0)
  expect(told).toEqual([])
})
