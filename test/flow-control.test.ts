/**
 * What stands still stops its own device and nothing else: viewers, an agent, a customer with many times the load.
 * Real processes; what was measured is printed.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { listen } from '../rig/own-device.ts'
import { enterSession, fetchPage, openPage } from '../rig/pages.ts'
import { childPid, type Stack, startStack } from '../rig/stack.ts'

type Entered = Awaited<ReturnType<typeof enterSession>>
type Site = { readonly api: Api; readonly agent: OwnAgent; readonly page: Entered }

const windowBytes = 1024 * 1024
const flood = createFlood()
let stack: Stack
let busy: Site
let other: Site
let floods: Entered

beforeAll(async () => {
  stack = await startStack()
  const baseUrl = await flood.start()
  const made = async (email: string): Promise<Site> => {
    const api = await new Api(stack.httpUrl).signIn(email)
    const agent = await startOwnAgent(stack, api, 'Fluxo')
    const device = await register(api, agent, { name: 'Página', baseUrl })
    return { api, agent, page: await enterSession(api, device.id) }
  }
  busy = await made('admin@demo.travessia')
  other = await made('gestor@outro.travessia')
  const device = await register(busy.api, busy.agent, {
    ...{ name: 'Enxurrada', baseUrl, maxConcurrent: 128 },
  })
  floods = await enterSession(busy.api, device.id)
  for (const site of [busy, other]) await delays(site.page, 100)
})

afterAll(async () => {
  for (const { agent } of [busy, other]) agent?.process.kill('SIGKILL')
  await flood.stop()
  await stack?.stop()
})

function register(api: Api, agent: OwnAgent, fields: { name: string; baseUrl: string }) {
  return registerDevice(api, agent.installationId, { recording: 'relaxed', ...fields })
}

/** A device whose `/flood` never ends and goes as fast as it is read; `/bytes` is 4 MiB. */
function createFlood() {
  /** Bytes written to each reader of `/flood`. */
  const readers = new Map<string, number>()
  const closed = new Map<string, number>()
  const server = createServer((request, response) => {
    const { url = '' } = request
    if (url.startsWith('/flood')) pour(url, response)
    else if (url === '/upload') request.resume().once('end', () => response.end('taken'))
    else response.end(url === '/bytes' ? Buffer.alloc(4 * windowBytes, 'b') : 'device')
  })
  function pour(url: string, response: ServerResponse): void {
    const piece = Buffer.alloc(64 * 1024, 'f')
    readers.set(url, 0)
    response.once('close', () => closed.set(url, performance.now()))
    response.writeHead(200, { 'content-type': 'video/mp4' })
    const more = () => {
      do readers.set(url, (readers.get(url) ?? 0) + piece.length)
      while (response.write(piece))
    }
    response.on('drain', more)
    more()
  }
  return {
    ...{ readers, closed, start: () => listen(server) },
    async stop() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

/** A viewer who has seen `bytes` of the endless answer and then reads no more. */
async function stall(path: string, bytes: number): Promise<IncomingMessage> {
  const answer = await openPage(`${floods.base}${path}`, { headers: { cookie: floods.cookie } })
  answer.on('error', () => undefined)
  let seen = 0
  await new Promise<void>((resolve) => {
    const look = (chunk: Buffer) => {
      seen += chunk.length
      if (seen < bytes) return
      answer.off('data', look).pause()
      resolve()
    }
    answer.on('data', look)
  })
  await eventually(async () => isStill(path), {
    withinMs: 20_000,
    what: `the device of ${path} stopped`,
  })
  return answer
}

/** The device could write nothing for a while. */
async function isStill(path: string): Promise<boolean> {
  const before = flood.readers.get(path)
  await sleep(500)
  return flood.readers.get(path) === before
}

type Delays = { readonly p50: number; readonly p95: number; readonly max: number }

/** Of small requests one after the other, in ms. */
async function delays({ base, cookie }: Entered, count: number): Promise<Delays> {
  const times: number[] = []
  for (let i = 0; i < count; i += 1) {
    const start = performance.now()
    const { status } = await fetchPage(`${base}/`, { headers: { cookie } })
    if (status !== 200) throw new Error(`answer ${status}`)
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  const at = (part: number) => Math.round((times[Math.floor((count - 1) * part)] ?? 0) * 10) / 10
  return { p50: at(0.5), p95: at(0.95), max: at(1) }
}

/** Nobody waits 250 ms longer than when it was quiet; the tail of a busy machine is its own. */
function expectUndelayed(what: string, quiet: Delays, loaded: Delays): void {
  process.stdout.write(
    `${what}: quiet ${JSON.stringify(quiet)}, then ${JSON.stringify(loaded)} ms\n`,
  )
  expect(loaded.p50 - quiet.p50).toBeLessThan(250)
  expect(loaded.p95 - quiet.p95).toBeLessThan(2_000)
}

const pidOfNode = () => childPid(stack, 'api/src/main.ts')

function rssMiB(pids: readonly number[]): number {
  const of = (pid: number) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  return pids.reduce((sum, pid) => sum + of(pid), 0)
}

test('a viewer who stops reading stops the device: node and agent grow by less than 2 windows and 32 MiB', async () => {
  const quiet = await delays(busy.page, 100)
  // Once at full speed, so that buffers and compiled code are there already.
  ;(await stall('/flood?warm', 100 * windowBytes)).destroy()
  const pids = [pidOfNode(), busy.agent.process.pid as number]
  const before = rssMiB(pids)
  const viewer = await stall('/flood?one', 20 * windowBytes)
  const loaded = await delays(busy.page, 100)
  const grown = rssMiB(pids) - before
  process.stdout.write(`memory with a stalled viewer: ${Math.round(grown)} MiB more\n`)
  expect(grown).toBeLessThan(2 + 32)
  expectUndelayed('beside a stalled viewer of the same agent', quiet, loaded)
  const written = flood.readers.get('/flood?one') ?? 0
  viewer.resume()
  await eventually(async () => (flood.readers.get('/flood?one') ?? 0) > written + 10 * windowBytes)
  viewer.destroy()
})

/** 4 MiB. */
async function downloadMs(): Promise<number> {
  const start = performance.now()
  const { body } = await fetchPage(`${floods.base}/bytes`, { headers: { cookie: floods.cookie } })
  expect(body).toHaveLength(4 * windowBytes)
  return Math.round(performance.now() - start)
}

test('twenty viewers who stand still with large windows do not hold up the next', async () => {
  const quiet = await delays(busy.page, 50)
  const alone = await downloadMs()
  const paths = Array.from({ length: 20 }, (_, i) => `/flood?many=${i}`)
  const viewers = await Promise.all(paths.map((path) => stall(path, 3 * windowBytes)))
  // Twice: the sockets of the twenty are still filling up during the first.
  const beside = Math.min(await downloadMs(), await downloadMs())
  process.stdout.write(`4 MiB: ${alone} ms alone, ${beside} ms beside them\n`)
  expect(beside).toBeLessThan(10_000)
  expectUndelayed('beside twenty stalled viewers', quiet, await delays(busy.page, 50))
  for (const viewer of viewers) viewer.destroy()
})

test('a viewer who leaves closes the device’s connection', async () => {
  const times: number[] = []
  for (let i = 0; i < 10; i += 1) {
    const path = `/flood?left=${i}`
    const viewer = await openPage(`${floods.base}${path}`, { headers: { cookie: floods.cookie } })
    viewer.on('error', () => undefined).resume()
    await sleep(50)
    const start = performance.now()
    viewer.destroy()
    await eventually(async () => flood.closed.has(path))
    times.push((flood.closed.get(path) ?? 0) - start)
  }
  times.sort((a, b) => a - b)
  process.stdout.write(`viewer gone → device closed: ${times.map(Math.round).join(' ')} ms\n`)
  expect(times[5]).toBeLessThan(250)
})

test('an agent that stands still delays nobody else', async () => {
  const quiet = await delays(other.page, 100)
  const pid = busy.agent.process.pid as number
  const uploads = Array.from({ length: 4 }, () =>
    fetchPage(`${floods.base}/upload`, {
      method: 'POST',
      headers: { cookie: floods.cookie },
      body: Buffer.alloc(8 * windowBytes),
    }).catch(() => undefined),
  )
  process.kill(pid, 'SIGSTOP')
  try {
    expectUndelayed('beside a stopped agent', quiet, await delays(other.page, 300))
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await Promise.all(uploads)
  await eventually(
    async () =>
      (await fetchPage(`${busy.page.base}/`, { headers: { cookie: busy.page.cookie } })).status ===
      200,
  )
})

test('a customer at ten times the load delays another by less than 250 ms', async () => {
  const quiet = await delays(other.page, 100)
  let isOver = false
  let requests = 0
  const load = Array.from({ length: 10 }, async () => {
    while (!isOver) {
      await delays(busy.page, 1)
      requests += 1
    }
  })
  const headers = { cookie: floods.cookie }
  const stream = await openPage(`${floods.base}/flood?load`, { headers })
  stream.on('error', () => undefined).resume()
  const loaded = await delays(other.page, 100)
  isOver = true
  stream.destroy()
  await Promise.all(load)
  process.stdout.write(`${requests} requests of the other customer meanwhile\n`)
  expectUndelayed('beside ten times the load and a bulk stream', quiet, loaded)
})
