import { encodePart, multipartEnd, multipartType } from '@travessia/schemas/multipart'
import { afterEach, expect, test } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import CameraPanel from './camera-panel.svelte'

const realFetch = window.fetch
const device = { id: 'c'.repeat(26), name: 'Recepção' }

afterEach(() => {
  cleanup()
  window.fetch = realFetch
  setVisible('visible')
})

async function png(): Promise<Uint8Array> {
  const canvas = new OffscreenCanvas(4, 3)
  canvas.getContext('2d')?.fillRect(0, 0, 2, 2)
  return new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())
}

/** A server whose stream sends what it is told to. */
async function server() {
  const picture = await png()
  const asked: string[] = []
  const streams: Array<{ send(bytes: Uint8Array): void; end(): void; signal: AbortSignal }> = []
  window.fetch = async (input, init) => {
    const path = String(input)
    asked.push(path)
    if (path.endsWith('/snapshot')) return new Response(Uint8Array.from(picture))
    const signal = init?.signal ?? new AbortController().signal
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        signal.addEventListener('abort', () => controller.error(signal.reason))
        streams.push({
          send: (bytes) => controller.enqueue(bytes),
          end: () => controller.close(),
          signal,
        })
      },
    })
    return new Response(body, { headers: { 'content-type': multipartType } })
  }
  const part = (waitedMs = 0) =>
    encodePart(
      { 'content-type': 'image/png', 'x-travessia-at': String(Date.now() - waitedMs) },
      picture,
    )
  return { asked, streams, part }
}

function setVisible(value: 'visible' | 'hidden'): void {
  Object.defineProperty(document, 'visibilityState', { value, configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))
}

const button = (name: string) => page.getByRole('button', { name, exact: true })
const frames = () => Number(document.querySelector('[data-frames]')?.getAttribute('data-frames'))

async function live() {
  const at = await server()
  await render(CameraPanel, { control: { device, obstacle: undefined } })
  await button(m.camera_live()).click()
  await expect.poll(() => at.streams.length).toBe(1)
  at.streams[0]?.send(at.part())
  await expect.poll(frames).toBe(1)
  return at
}

test('a photo stands there at once, and no stream is asked for', async () => {
  const { asked } = await server()
  await render(CameraPanel, { control: { device, obstacle: undefined } })
  await expect.element(page.getByText(/Foto, há \d s|Photo, \d s ago/)).toBeVisible()
  expect(asked).toEqual([`/api/devices/${device.id}/camera/snapshot`])
})

test.each([[''], ['offline']])('with an obstacle %j nothing is asked for', async (obstacle) => {
  const { asked } = await server()
  await render(CameraPanel, { control: { device, obstacle } })
  await expect.element(button(m.camera_live())).toBeDisabled()
  expect(asked).toEqual([])
})

test('a live picture that waited on the way is late by its age, not by when it came', async () => {
  const { streams, part } = await live()
  /** Of a picture that waited so long, time and again: an age does not stand still. */
  const ageOf = (waitedMs: number) => () => {
    streams[0]?.send(part(waitedMs))
    const caption = document.querySelector('figcaption')
    return [caption?.textContent, caption?.querySelector('.warn') !== null]
  }
  const age = (text: RegExp) => expect.stringMatching(text)
  await expect.poll(ageOf(0)).toEqual([age(/\b0[,.]\d s/), false])
  await expect.poll(ageOf(4_000)).toEqual([age(/\b4[,.]\d s/), true])
})

test('a hidden page ends the stream, and a visible one begins it again', async () => {
  const { streams, part } = await live()
  setVisible('hidden')
  await expect.poll(() => streams[0]?.signal.aborted).toBe(true)
  setVisible('visible')
  await expect.poll(() => streams.length).toBe(2)
  streams[1]?.send(part())
  await expect.poll(frames).toBe(2)
})

test('a page that was not live begins nothing when it is visible again', async () => {
  const { streams } = await live()
  await button(m.camera_stop()).click()
  setVisible('hidden')
  setVisible('visible')
  await expect.element(button(m.camera_live())).toBeVisible()
  expect(streams).toHaveLength(1)
})

test.each([['the button'], ['Escape']])(
  'what opened the full screen has the focus again after %s',
  async (way) => {
    await live()
    await button(m.camera_full()).click()
    const leave = button(m.camera_small())
    await expect.element(leave).toHaveFocus()
    if (way === 'Escape') await userEvent.keyboard('{Escape}')
    else await leave.click()
    await expect.element(leave).not.toBeInTheDocument()
    await expect.element(button(m.camera_full())).toHaveFocus()
  },
)

test('the button that begins live pictures ends them, and keeps the focus', async () => {
  await live()
  await expect.element(button(m.camera_stop())).toHaveFocus()
  await userEvent.keyboard('{Enter}')
  await expect.element(button(m.camera_live())).toHaveFocus()
})

test('at the end of its time the app asks whether somebody is still there', async () => {
  const { streams } = await live()
  streams[0]?.send(encodePart({ 'x-travessia-end': 'time-limit' }, new Uint8Array()))
  streams[0]?.send(multipartEnd)
  await expect.element(page.getByText(m.camera_still_there())).toBeVisible()
  await button(m.camera_go_on()).click()
  await expect.poll(() => streams.length).toBe(2)
})

test('an end by a failure is said in words, and a break as no connection', async () => {
  const { streams, part } = await live()
  streams[0]?.send(encodePart({ 'x-travessia-end': 'AGENT_PAUSED' }, new Uint8Array()))
  await expect
    .poll(() => document.querySelector('[role=alert]')?.textContent)
    .toContain('AGENT_PAUSED')
  await button(m.camera_live()).click()
  await expect.poll(() => streams.length).toBe(2)
  streams[1]?.send(part())
  await expect.poll(frames).toBe(2)
  streams[1]?.end()
  await expect.element(page.getByText(m.error_no_network())).toBeVisible()
})
