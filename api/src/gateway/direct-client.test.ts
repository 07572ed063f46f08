import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import type { DeviceClient, DeviceResponse } from './device-client.ts'
import { createDirectClient } from './direct-client.ts'

/** What the device says to each path; it never ends a connection itself. */
const answers: Readonly<Record<string, string>> = {
  '/whole': '200 OK\r\nContent-Length: 3\r\n\r\nyes',
  // Without a length its end says that it is whole.
  '/cut': '200 OK\r\nConnection: close\r\n\r\nhalf',
  '/refused': '401 No\r\nContent-Length: 3\r\n\r\nnot',
  // A parser takes it for a length, and no program counts so far.
  '/endless': `403 No\r\nContent-Length: ${'9'.repeat(16)}\r\n\r\nnot`,
}
const device = createServer()
let client: DeviceClient
const { signal } = new AbortController()
const timeouts = { connectMs: 2_000, firstByteMs: 60_000, idleMs: 60_000 }
const asked = (path: string) => ({ path, headers: [], timeouts, signal })

beforeAll(async () => {
  device.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => {
      const [, path = ''] = String(bytes).split(' ')
      socket.write(`HTTP/1.1 ${answers[path]}`)
    })
  })
  await new Promise<void>((resolve) => device.listen(0, '127.0.0.1', resolve))
  const { port } = device.address() as AddressInfo
  const row = { baseUrl: `http://127.0.0.1:${port}`, ports: [] as readonly number[] } as DeviceRow
  client = createDirectClient(row, true)
})
afterAll(() => {
  device.close()
})

/** The connection that this opens at the device. */
async function connectionOf<T>(work: () => Promise<T>): Promise<{ socket: Socket; done: T }> {
  const [[socket], done] = await Promise.all([
    once(device, 'connection') as Promise<[Socket]>,
    work(),
  ])
  return { socket, done }
}

test.each([
  ['an answer', '/whole', () => client.request({ ...asked('/whole'), method: 'GET' })],
  [
    'a refused WebSocket',
    '/refused',
    () => client.openWebSocket({ ...asked('/refused'), protocols: [] }),
  ],
])('the device is left when %s has been read', async (_what, path, ask) => {
  const { socket, done } = await connectionOf(ask)
  const left = once(socket, 'close')
  const { body } = done as DeviceResponse
  expect(answers[path]).toContain(String(await buffer(body)))
  await left
})

test('without an agent only what is public is reached, in the demo only what is not, and of its ports the registered ones', async () => {
  const forbidden = { code: 'TARGET_FORBIDDEN' }
  const { port } = device.address() as AddressInfo
  const connections = vi.fn()
  device.on('connection', connections)
  const refuses = async (baseUrl: string, isDemo: boolean, change: object = {}) => {
    const other = createDirectClient({ baseUrl, ports: [port + 1] } as unknown as DeviceRow, isDemo)
    const { request, openWebSocket } = other
    const one = { ...asked('/whole'), ...change }
    const said = expect.objectContaining(forbidden)
    await expect((async () => request({ ...one, method: 'GET' }))()).rejects.toEqual(said)
    await expect((async () => openWebSocket({ ...one, protocols: [] }))()).rejects.toEqual(said)
  }
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]'])
    await refuses(`http://${host}:${port}`, false)
  for (const host of ['192.0.2.1', '169.254.169.254']) {
    await refuses(`http://${host}`, false)
    await refuses(`http://${host}`, true)
  }
  await refuses('http://8.8.8.8', true)
  await refuses('http://127.0.0.1', true, { port })
  expect(connections).not.toHaveBeenCalled()
  device.off('connection', connections)
})

test('a device whose refusal no HTTP answer may be is left at once', async () => {
  const ask = () =>
    client
      .openWebSocket({ ...asked('/endless'), protocols: [] })
      .catch(({ code }: { code: string }) => code)
  const { socket, done } = await connectionOf(ask)
  if (!socket.destroyed) await once(socket, 'close')
  expect(done).toBe('DEVICE_PROTOCOL')
})

test('an answer without a length whose connection is reset was cut, not whole', async () => {
  const { socket, done } = await connectionOf(() =>
    client.request({ ...asked('/cut'), method: 'GET' }),
  )
  const read = async () => {
    for await (const piece of done.body) if (String(piece) === 'half') socket.resetAndDestroy()
  }
  await expect(read()).rejects.toMatchObject({ code: 'DEVICE_PROTOCOL' })
})
