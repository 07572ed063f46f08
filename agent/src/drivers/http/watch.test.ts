import { createServer } from 'node:http'
import type { DeviceState } from '@travessia/schemas/device-state'
import { TravessiaError } from '@travessia/schemas/errors'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { createDeviceFetch } from '../../device-fetch.ts'
import { closedPort, deviceAt, listening } from '../../fixtures.ts'
import { createPrinter } from '../../simulators/printer.ts'
import type { DeviceFetch } from '../driver.ts'
import { createDriver } from './driver.ts'

afterEach(() => {
  vi.useRealTimers()
})

const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }

/** What is told first. */
function firstLook(fetch: DeviceFetch): Promise<DeviceState> {
  return new Promise((resolve) => {
    const stop = createDriver({ fetch }).watch?.(resolve)
    onTestFinished(() => stop?.())
  })
}
const lookAt = (url: string) => firstLook(createDeviceFetch(deviceAt(url), policy))

test('a device with a page is online, with the title of its page', async () => {
  const printer = createPrinter({ port: 0 })
  onTestFinished(() => printer.stop())
  const { url } = await printer.start()
  expect(await lookAt(url)).toEqual({ status: 'online', detail: 'Impressora 3D' })
})

test.each([
  [200, 'text', undefined],
  [401, 'sign in', 'HTTP 401'],
  [500, '<title>Broken</title>', 'Broken'],
  [302, '', 'HTTP 302'],
])('a device that answers %d is reached: online', async (status, body, detail) => {
  const server = createServer((_request, response) => response.writeHead(status).end(body))
  const state = await lookAt(`http://127.0.0.1:${await listening(server)}`)
  expect(state).toEqual({ status: 'online', ...(detail ? { detail } : {}) })
})

test('a device that is not there is offline with the reason', async () => {
  const state = await lookAt(`http://127.0.0.1:${await closedPort()}`)
  expect(state).toEqual({ status: 'offline', detail: 'DEVICE_UNREACHABLE' })
})

test('a page larger than the agent reads is a page', async () => {
  const server = createServer((_request, response) => response.end('x'.repeat(2_000_000)))
  const state = await lookAt(`http://127.0.0.1:${await listening(server)}`)
  expect(state).toEqual({ status: 'online' })
})

test('a connection that breaks is offline', async () => {
  const server = createServer((request) => request.socket.destroy())
  const state = await lookAt(`http://127.0.0.1:${await listening(server)}`)
  expect(state).toEqual({ status: 'offline', detail: 'DEVICE_LOST' })
})

test('it is looked at twice a minute, and an absent one ever more rarely, down to once in two minutes', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  let isThere = true
  let looks = 0
  const fetch: DeviceFetch = async () => {
    looks += 1
    if (isThere) return { status: 200, body: '' }
    throw new TravessiaError('DEVICE_UNREACHABLE')
  }
  const stop = createDriver({ fetch }).watch?.(() => undefined)
  await vi.advanceTimersByTimeAsync(119_000)
  expect(looks).toBeGreaterThanOrEqual(4)
  expect(looks).toBeLessThanOrEqual(5)
  isThere = false
  await vi.advanceTimersByTimeAsync(120_000)
  looks = 0
  await vi.advanceTimersByTimeAsync(1_200_000)
  expect(looks).toBeGreaterThanOrEqual(9)
  expect(looks).toBeLessThanOrEqual(13)
  isThere = true
  await vi.advanceTimersByTimeAsync(120_000)
  looks = 0
  await vi.advanceTimersByTimeAsync(120_000)
  expect(looks).toBeGreaterThanOrEqual(3)
  stop?.()
  expect(vi.getTimerCount()).toBe(0)
})

test('stop ends the look under way and tells nothing more', async () => {
  const told: DeviceState[] = []
  const asked = new Promise<AbortSignal>((resolve) => {
    const fetch: DeviceFetch = ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
        resolve(signal)
      })
    createDriver({ fetch }).watch?.((state) => told.push(state))()
  })
  expect((await asked).aborted).toBe(true)
  await new Promise(setImmediate)
  expect(told).toEqual([])
})
