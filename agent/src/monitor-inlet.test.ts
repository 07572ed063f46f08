import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { newId } from '@travessia/schemas/ids'
import { expect, onTestFinished, test, vi } from 'vitest'
import { closedPort, eventually, silent } from './fixtures.ts'
import { MonitorInlet } from './monitor-inlet.ts'

const loopback = { local: '127.0.0.1', device: '127.0.0.1' }
const pathOf = () => `travessia/${newId()}`

async function inlet() {
  const all = new MonitorInlet({ port: 0, log: silent })
  onTestFinished(() => all.stop())
  const heard: string[] = []
  const path = pathOf()
  const opening = {
    ...{ ends: loopback, path },
    take: (name: string, body: string) => {
      heard.push(`${name} ${body}`)
      return 200 as const
    },
  }
  const door = await all.open(opening)
  if (!door) throw new Error('not open')
  return { all, door, path, heard, port: door.port }
}

/** @param from the address that it comes from. @returns the status, or that the connection was cut */
function tell(
  url: string,
  { body = '{}', from = '127.0.0.1', method = 'POST', headers = {} }: Said = {},
): Promise<number | 'cut'> {
  return new Promise((resolve) => {
    const request = httpRequest(url, { method, headers, localAddress: from, agent: false })
    request.once('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.once('error', () => resolve('cut'))
    request.end(body)
  })
}
type Said = {
  readonly body?: string
  readonly from?: string
  readonly method?: string
  readonly headers?: Record<string, string>
}

test('a message of the device at its path is heard; every other path, name and method is 404', async () => {
  const { port, path, heard } = await inlet()
  const base = `http://127.0.0.1:${port}`
  expect(await tell(`${base}/${path}/catra_event`, { body: '{"a":1}' })).toBe(200)
  expect(heard).toEqual(['catra_event {"a":1}'])
  const others = [
    ...['/', '/health', `/${path}`, `/${path}/`, `/${path}/a/b`, `/${path}/..%2f..`],
    ...[`/${pathOf()}/catra_event`, `/${path}x/catra_event`, '/__proto__/dao'],
  ]
  for (const other of others) expect([other, await tell(base + other)]).toEqual([other, 404])
  expect(await tell(`${base}/${path}/catra_event`, { method: 'GET', body: '' })).toBe(404)
  expect(heard).toHaveLength(1)
})

test('a connection from another address is cut before it is answered, whatever it knows', async () => {
  const { port, path, heard } = await inlet()
  const url = `http://127.0.0.1:${port}/${path}/catra_event`
  expect(await tell(url, { from: '127.0.0.2' })).toBe('cut')
  expect(heard).toEqual([])
  expect(await tell(url)).toBe(200)
})

test('a device does not reach the door of another one', async () => {
  const { all, port, path, heard } = await inlet()
  const own = pathOf()
  const ends = { local: '127.0.0.1', device: '127.0.0.2' }
  await all.open({ ends, path: own, take: () => 200 })
  const base = `http://127.0.0.1:${port}`
  expect(await tell(`${base}/${path}/dao`, { from: '127.0.0.2' })).toBe(404)
  expect(await tell(`${base}/${own}/dao`)).toBe(404)
  expect(await tell(`${base}/${own}/dao`, { from: '127.0.0.2' })).toBe(200)
  expect(heard).toEqual([])
})

test('a body beyond 64 KiB is 413, with or without a length, and the driver never sees it', async () => {
  const { port, path, heard } = await inlet()
  const url = `http://127.0.0.1:${port}/${path}/dao`
  const body = 'x'.repeat(64 * 1024 + 1)
  expect(await tell(url, { body })).toBe(413)
  expect(await tell(url, { body, headers: { 'transfer-encoding': 'chunked' } })).toBe(413)
  expect(heard).toEqual([])
  expect(await tell(url, { body: 'x'.repeat(64 * 1024) })).toBe(200)
})

test('more than twenty messages in a second are 429, and the next second is heard again', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const { port, path, heard } = await inlet()
  const url = `http://127.0.0.1:${port}/${path}/dao`
  const statuses = await Promise.all(Array.from({ length: 60 }, () => tell(url)))
  expect(statuses.filter((status) => status === 200)).toHaveLength(20)
  expect(statuses.filter((status) => status === 429)).toHaveLength(40)
  expect(heard).toHaveLength(20)
  vi.advanceTimersByTime(1_000)
  expect(await tell(url)).toBe(200)
})

test('it listens at the address towards the device only, and only while a door is open', async () => {
  const { all, door, port } = await inlet()
  const reaches = (host: string) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, host)
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('close', () => socket.destroy())
    })
  expect([await reaches('127.0.0.1'), await reaches('127.0.0.3')]).toEqual([true, false])
  expect(all.ports).toEqual([port])
  door.close()
  await eventually(async () => expect(await reaches('127.0.0.1')).toBe(false))
  expect(all.ports).toEqual([])
})

test('a port that is taken opens no door; free again, it does', async () => {
  const port = await closedPort()
  const blocker = createServer().listen(port, '127.0.0.1')
  await once(blocker, 'listening')
  onTestFinished(() => void blocker.close())
  const all = new MonitorInlet({ port, log: silent })
  onTestFinished(() => all.stop())
  const opening = { ends: loopback, path: pathOf(), take: () => 200 as const }
  expect(await all.open(opening)).toBeUndefined()
  await new Promise((done) => blocker.close(done))
  expect(await all.open(opening)).toMatchObject({ hostname: '127.0.0.1', port })
})
