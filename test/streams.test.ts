/** Bodies that are long, slow or endless, through a real node and a real agent: each piece as it comes, and little held of it. */
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterSession } from '../rig/pages.ts'
import {
  blocks,
  digestOf,
  received,
  ScriptedDevice,
  sendBytes,
  takeBytes,
} from '../rig/scripted-device.ts'
import { begin, type Entered, once } from '../rig/session-client.ts'
import { nothingLeft, type OwnSite, startOwnSite } from './own-site.ts'

const mebibyte = 1024 * 1024
const device = new ScriptedDevice()
let site: OwnSite
let session: Entered

beforeAll(async () => {
  site = await startOwnSite({ baseUrl: await device.start() })
  session = await enterSession(site.node.admin, site.deviceId)
  device.on('/bytes', sendBytes)
  device.on('/take', takeBytes)
})

afterAll(async () => {
  await device.stop()
  await site?.stop()
})

/** The next so many bytes, as soon as they are there. */
async function take(stream: Readable, count: number): Promise<Buffer> {
  for (;;) {
    const chunk = stream.read(count) as Buffer | null
    if (chunk) return chunk
    await once(stream, 'readable')
  }
}

function residentBytes(): number {
  return [site.node.process.pid, site.agent.process.pid]
    .map((pid) => /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    .reduce((sum, kilobytes) => sum + Number(kilobytes) * 1024, 0)
}

/** The most that node and agent together held more than before, while `work` went on. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = residentBytes()
  let most = before
  const sampling = setInterval(() => {
    most = Math.max(most, residentBytes())
  }, 50)
  await work().finally(() => clearInterval(sampling))
  return Math.max(most, residentBytes()) - before
}

/** Up and down again, byte for byte. */
async function carry(bytes: number): Promise<void> {
  const digest = digestOf(blocks(bytes))
  const headers = { 'content-length': bytes }
  const up = begin(session, '/take', { method: 'PUT', headers })
  await pipeline(blocks(bytes), up.request)
  expect(JSON.parse(await text(await up.answer))).toMatchObject({ bytes, digest })
  const down = begin(session, `/bytes?count=${bytes}`)
  down.request.end()
  expect(await received(await down.answer)).toEqual({ bytes, digest })
}

test('500 MB go up and come down byte for byte while node and agent, once warm, grow by less than 150 MB', async () => {
  await carry(10 * mebibyte)
  const begun = performance.now()
  const growth = await growthDuring(() => carry(500 * mebibyte))
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(`500 MB up and down: ${seconds} s, ${Math.round(growth / mebibyte)} MB more memory`)
  expect(growth).toBeLessThan(150 * mebibyte)
}, 180_000)

test('each server-sent event arrives before the device sends the next', async () => {
  const opened = device.next('/events')
  const asked = begin(session, '/events')
  asked.request.end()
  const { response } = await opened
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  const answer = await asked.answer
  for (const event of ['first', 'second', 'third']) {
    const sent = `data: ${event}\n\n`
    response.write(sent)
    expect(String(await take(answer, sent.length))).toBe(sent)
  }
  asked.request.destroy()
  await once(response, 'close')
})

test('a long poll is answered at the moment the device has something to say', async () => {
  const opened = device.next('/poll')
  const asked = begin(session, '/poll')
  asked.request.end()
  const { response } = await opened
  await sleep(1_500)
  const said = performance.now()
  response.end('news')
  expect(await text(await asked.answer)).toBe('news')
  expect(performance.now() - said).toBeLessThan(1_000)
})

test('each picture of an endless MJPEG arrives as it is taken', async () => {
  const opened = device.next('/mjpeg')
  const asked = begin(session, '/mjpeg')
  asked.request.end()
  const { response } = await opened
  response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=x' })
  for (let n = 0; n < 5; n += 1) {
    const picture = Buffer.alloc(30_000, n)
    const sent = Buffer.concat([Buffer.from('--x\r\n\r\n'), picture])
    response.write(sent)
    expect((await take(await asked.answer, sent.length)).equals(sent)).toBe(true)
  }
  asked.request.destroy()
  await once(response, 'close')
})

test('a body that comes and goes slowly arrives piece by piece', async () => {
  const opened = device.next('/slow')
  const asked = begin(session, '/slow', { method: 'POST', headers: { 'content-length': 40 } })
  // The agent's client sends its head together with the first piece.
  asked.request.write('0123456789')
  const { request, response } = await opened
  for (let n = 0; n < 4; n += 1) {
    if (n > 0) asked.request.write('0123456789')
    expect(String(await take(request, 10))).toBe('0123456789')
    await sleep(100)
  }
  asked.request.end()
  response.writeHead(200, { 'content-length': 20_000 }).flushHeaders()
  const answer = await asked.answer
  for (let n = 0; n < 4; n += 1) {
    response.write(Buffer.alloc(5_000, n))
    expect((await take(answer, 5_000)).equals(Buffer.alloc(5_000, n))).toBe(true)
    await sleep(100)
  }
  // Its length has come, but the device would answer nothing else on this connection.
  response.end()
  expect(await text(answer)).toBe('')
})

test('after all of them neither node nor agent holds a stream', async () => {
  await nothingLeft(site)
})
