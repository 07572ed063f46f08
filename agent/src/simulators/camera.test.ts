import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../fixtures.ts'
import { createCamera } from './camera.ts'
import { picture } from './camera-picture.ts'

async function camera() {
  const device = createCamera({ port: 0 })
  onTestFinished(() => device.stop())
  return { device, ...(await device.start()) }
}

test('a snapshot is a PNG that moves', async () => {
  const { url } = await camera()
  const answer = await fetch(`${url}/snapshot.png`)
  expect(answer.headers.get('content-type')).toBe('image/png')
  expect(
    Buffer.from(await answer.arrayBuffer())
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG')
  expect(picture(0, 1)).not.toEqual(picture(0, 2))
  expect(picture(0, 1)).not.toEqual(picture(1_000, 1))
  expect(picture(0, 1)).toEqual(picture(0, 1))
})

test('the stream goes on until the viewer leaves, and then costs nothing', async () => {
  const { device, url } = await camera()
  const request = get(`${url}/stream`)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(response.headers['content-type']).toBe('multipart/x-mixed-replace; boundary=frame')
  await once(response, 'data')
  expect(device.viewers()).toBe(1)
  request.destroy()
  await eventually(() => expect(device.viewers()).toBe(0))
})

test('the page shows the stream', async () => {
  const { url } = await camera()
  expect(await (await fetch(url)).text()).toContain('src="/stream"')
  expect((await fetch(`${url}/nothing`)).status).toBe(404)
})
