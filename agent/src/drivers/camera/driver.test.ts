import { createServer } from 'node:http'
import type { DeviceState } from '@travessia/schemas/device-state'
import { TravessiaError } from '@travessia/schemas/errors'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { createDeviceFetch } from '../../device-fetch.ts'
import { closedPort, deviceAt, listening } from '../../fixtures.ts'
import { createCamera } from '../../simulators/camera.ts'
import { picture } from '../../simulators/camera-picture.ts'
import type { DeviceFetch } from '../driver.ts'
import { createDriver, pictureTypeOf } from './driver.ts'

afterEach(() => {
  vi.useRealTimers()
})

const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
const usual = [
  ...['/snapshot.png', '/snapshot', '/?action=snapshot', '/snapshot.jpg', '/jpg/image.jpg'],
]
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0])
const pictures = {
  png: picture(0, 1),
  jpeg,
  gif: Buffer.from('GIF89a\x01\x00\x01\x00', 'latin1'),
  webp: Buffer.from('RIFF\x24\x00\x00\x00WEBPVP8 ', 'latin1'),
}

function firstLook(
  fetch: DeviceFetch,
  credentials?: { login: string; password: string },
): Promise<DeviceState> {
  return new Promise((resolve) => {
    const stop = createDriver({ fetch, credentials }).watch?.(resolve)
    onTestFinished(() => stop?.())
  })
}
const fetchAt = (url: string) => createDeviceFetch(deviceAt(url), policy)

async function cameraThat(
  answer: (path: string, authorization?: string) => { status?: number; body?: string | Buffer },
) {
  const asked: string[] = []
  const server = createServer(({ url = '', headers }, response) => {
    asked.push(url)
    const { status = 200, body = '' } = answer(url, headers.authorization)
    response.writeHead(status).end(body)
  })
  const url = `http://127.0.0.1:${await listening(server)}`
  return { asked, fetch: fetchAt(url) }
}

test('a camera has no commands', async () => {
  const { fetch } = await cameraThat(() => ({}))
  const driver = createDriver({ fetch, credentials: undefined })
  const context = { commandId: 'x', startWithinMs: () => 1, signal: AbortSignal.timeout(1_000) }
  const command = { name: 'EmergencyStop', args: {} } as const
  expect(await driver.execute(command, context)).toEqual({
    ...{ outcome: 'unsupported', detail: 'EmergencyStop' },
  })
})

test('the simulated camera is online', async () => {
  const camera = createCamera({ port: 0 })
  onTestFinished(() => camera.stop())
  const { url } = await camera.start()
  expect(await firstLook(fetchAt(url))).toEqual({ status: 'online' })
})

test.each(Object.entries(pictures))('a picture is known by its bytes: %s', async (type, body) => {
  const { asked, fetch } = await cameraThat((path) =>
    path === '/snapshot' ? { body } : { status: 404 },
  )
  expect(await firstLook(fetch)).toEqual({ status: 'online' })
  expect(asked).toEqual(['/snapshot.png', '/snapshot'])
  expect(pictureTypeOf(body.toString())).toBe(`image/${type}`)
})

test('a page with status 200 is no picture, and a camera without one is reached all the same', async () => {
  const { asked, fetch } = await cameraThat(() => ({ body: '<title>Camera</title>' }))
  expect(await firstLook(fetch)).toEqual({ status: 'online', detail: 'CAMERA_NO_PICTURE' })
  expect(asked).toEqual(usual)
  expect(pictureTypeOf('not a picture')).toBeUndefined()
})

test('a picture larger than the agent reads is a picture', async () => {
  const body = Buffer.concat([jpeg, Buffer.alloc(2_000_000)])
  const { fetch } = await cameraThat(() => ({ body }))
  expect(await firstLook(fetch)).toEqual({ status: 'online' })
})

test('a camera that wants a sign-in gets the registered one, and without one says so', async () => {
  const basic = `Basic ${Buffer.from('admin:secret').toString('base64')}`
  const { fetch } = await cameraThat((_path, given) =>
    given === basic ? { body: pictures.png } : { status: 401 },
  )
  expect(await firstLook(fetch)).toEqual({ status: 'online', detail: 'CAMERA_SIGN_IN' })
  const credentials = { login: 'admin', password: 'secret' }
  expect(await firstLook(fetch, credentials)).toEqual({ status: 'online' })
})

test('a camera that is not there is offline, and is asked once per look', async () => {
  const fetch = fetchAt(`http://127.0.0.1:${await closedPort()}`)
  let calls = 0
  const state = await firstLook((request) => {
    calls += 1
    return fetch(request)
  })
  expect(state).toEqual({ status: 'offline', detail: 'DEVICE_UNREACHABLE' })
  expect(calls).toBe(1)
})

test('the address that gave a picture is asked first from then on; an absent camera ever more rarely', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const asked: string[] = []
  let isThere = true
  const fetch: DeviceFetch = async ({ path }) => {
    asked.push(path)
    if (!isThere) throw new TravessiaError('DEVICE_UNREACHABLE')
    return path === '/?action=snapshot'
      ? { status: 200, body: jpeg.toString() }
      : { status: 404, body: '' }
  }
  const stop = createDriver({ fetch, credentials: undefined }).watch?.(() => undefined)
  await vi.advanceTimersByTimeAsync(0)
  expect(asked).toEqual(usual.slice(0, 3))
  asked.length = 0
  await vi.advanceTimersByTimeAsync(30_000)
  expect(asked).toEqual(['/?action=snapshot'])
  isThere = false
  await vi.advanceTimersByTimeAsync(240_000)
  asked.length = 0
  await vi.advanceTimersByTimeAsync(1_200_000)
  expect(asked.length).toBeGreaterThanOrEqual(9)
  expect(asked.length).toBeLessThanOrEqual(13)
  stop?.()
  expect(vi.getTimerCount()).toBe(0)
})
