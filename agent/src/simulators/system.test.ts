import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createSystem } from './system.ts'

test('a system has a front, an API and a slicer on three ports, and the front names the other two', async () => {
  const system = createSystem({ port: 0, apiPort: 0, slicerPort: 0 })
  onTestFinished(() => system.stop())
  const { url, apiUrl, slicerUrl } = await system.start()
  const page = await (await fetch(url)).text()
  for (const other of [apiUrl, slicerUrl]) expect(page).toContain(`at(${new URL(other).port}`)
  const status = await fetch(`${apiUrl}/status`)
  expect(status.headers.get('access-control-allow-origin')).toBe('*')
  expect(await status.json()).toMatchObject({ orders: 12 })
  expect(await (await fetch(`${slicerUrl}/queue`)).json()).toHaveProperty('queue')
  expect((await fetch(`${apiUrl}/status`, { method: 'OPTIONS' })).status).toBe(204)
})

test('the API of a system echoes WebSocket messages as they are', async () => {
  const system = createSystem({ port: 0, apiPort: 0, slicerPort: 0 })
  onTestFinished(() => system.stop())
  const { apiUrl } = await system.start()
  const socket = new WebSocket(`${apiUrl.replace('http', 'ws')}/ws`)
  await once(socket, 'open')
  for (const [message, isBinary] of [
    ['olá', false],
    ['\u0000', true],
  ] as const) {
    socket.send(Buffer.from(message), { binary: isBinary })
    expect(await once(socket, 'message')).toEqual([Buffer.from(message), isBinary])
  }
})

test('what is no WebSocket message ends that socket only', async () => {
  const system = createSystem({ port: 0, apiPort: 0, slicerPort: 0 })
  onTestFinished(() => system.stop())
  const { apiUrl } = await system.start()
  const socket = new WebSocket(`${apiUrl.replace('http', 'ws')}/ws`)
  await once(socket, 'open')
  socket.send(Buffer.alloc(65 * 1024))
  expect((await once(socket, 'close'))[0]).toBe(1009)
  expect((await fetch(`${apiUrl}/status`)).status).toBe(200)
})
