import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import {
  type Passage,
  type PassagesReport,
  passagesReportSchema,
} from '@travessia/schemas/passages'
import { expect, onTestFinished, test, vi } from 'vitest'
import { context, driverFor } from './drivers/conformance.ts'
import type { Driver } from './drivers/driver.ts'
import { deviceAt, eventually, listening, silent, temporaryDirectory } from './fixtures.ts'
import { Passages } from './passages.ts'
import { createTurnstile } from './simulators/turnstile.ts'

const isReport = compile(passagesReportSchema)

type World = { isUp: boolean; takes: boolean; reports: PassagesReport[] }

/** A simulated turnstile, its driver, and a cloud that takes reports or does not. */
async function field() {
  const turnstile = createTurnstile({ port: 0 })
  onTestFinished(() => turnstile.stop())
  const { url } = await turnstile.start()
  const post = async (path: string, body: object) => {
    const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })
    const said = await answer.text()
    return said === '' ? {} : (JSON.parse(said) as Record<string, never>)
  }
  const { session } = await post('/login.fcgi', { login: 'admin', password: 'admin' })
  const configuration = (body: object) => post(`/get_configuration.fcgi?session=${session}`, body)
  const configure = (body: object) => post(`/set_configuration.fcgi?session=${session}`, body)
  const driver = await driverFor('control-id', url)
  const device = deviceAt(url, { driver: 'control-id' })
  const directory = temporaryDirectory()
  const world: World = { isUp: true, takes: true, reports: [] }
  const heard = () => world.reports.flatMap(({ passages }) => passages)
  const setUp = { device, driver, world, memoryPath: join(directory, 'passages.json') }
  return { ...setUp, url, post, configuration, configure, turnstile, heard }
}

type Field = Pick<
  Awaited<ReturnType<typeof field>>,
  'device' | 'driver' | 'world' | 'memoryPath'
> & { readonly monitorPort?: number }

/** The agent's part, until the test ends or stops it. */
async function follow({ device, driver, world, memoryPath, monitorPort = 0 }: Field) {
  const passages: Passages = new Passages({
    ...{ driverFor: async (_device: AgentDevice): Promise<Driver> => driver, memoryPath },
    ...{ monitorPort, isUp: () => world.isUp, log: silent },
    // The server's time is learned over a network, in fractions of a ms.
    now: () => Date.now() + 0.25,
    report: async (report) => {
      world.reports.push(check(isReport, JSON.parse(JSON.stringify(report))))
      if (world.takes) setImmediate(() => passages.received(report))
      return true
    },
  })
  onTestFinished(() => passages.stop())
  passages.update([device])
  await eventually(() => expect(readFileSync(memoryPath, 'utf8')).toContain('access_events'))
  return passages
}

const states = (driver: Driver) => {
  const seen: string[] = []
  const stop = driver.watch?.(({ passages }) => seen.push(passages ?? ''))
  onTestFinished(() => stop?.())
  return seen
}

test('the device is told to tell us, and a passage after a command is known at once, with the command', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { configuration, driver, heard, ...others } = await field()
  await follow({ driver, ...others })
  const monitorOf = async () => (await configuration({ monitor: [] }))['monitor'] ?? {}
  const monitor = await eventually(async () => {
    const { monitor } = await configuration({ monitor: ['hostname', 'path', 'port'] })
    expect(monitor).toMatchObject({
      hostname: '127.0.0.1',
      path: expect.stringMatching(/^travessia\/\w{26}$/),
    })
    return monitor
  })
  expect(Number(monitor?.['port'])).toBeGreaterThan(0)
  expect(await monitorOf()).toEqual({})
  const commandId = newId()
  const before = Date.now()
  await driver.execute(
    { name: 'OpenGate', args: { direction: 'anticlockwise' } },
    context({ commandId }),
  )
  vi.advanceTimersByTime(1_500)
  // Not `eventually`, which lets the time pass after which the device is asked.
  while (heard().length === 0) await new Promise(setImmediate)
  expect(heard()[0]).toEqual({
    ...{ outcome: 'passed', direction: 'anticlockwise', way: 'exit', commandId },
    key: expect.stringMatching(/^access_events:1@\d+$/),
    ...{ deviceAt: expect.any(Number), agentAt: expect.any(Number) },
  })
  expect(Math.abs((heard()[0] as Passage).agentAt - before)).toBeLessThan(4_000)
})

test('a device that another server listens to is not touched: it is asked, and says so', async () => {
  const { configure, configuration, driver, heard, post, ...others } = await field()
  const theirs = { hostname: '10.9.8.7', port: '8000', path: 'api/notifications' }
  await configure({ monitor: theirs })
  const seen = states(driver)
  await follow({ driver, ...others })
  await eventually(() => expect(heard()).toEqual([]))
  await driver.execute(
    { name: 'OpenGate', args: { direction: 'clockwise' } },
    context({ commandId: newId() }),
  )
  await eventually(() => expect(seen).toContain('tells-another'))
  await eventually(() => expect(heard()).toHaveLength(1))
  const { monitor } = await configuration({ monitor: ['hostname', 'port', 'path'] })
  expect(monitor).toEqual(theirs)
})

test('a busy port is a warning: the device is asked', async () => {
  const blocker = createServer()
  const monitorPort = await listening(blocker)
  const { heard, post, configuration, ...others } = await field()
  await follow({ ...others, monitorPort })
  await post('/__simulator/person', { userId: 7 })
  await eventually(() => expect(heard()).toHaveLength(1))
  expect(heard()[0]).toMatchObject({ outcome: 'passed', userId: '7', way: 'entry' })
  expect(await configuration({ monitor: ['hostname'] })).toEqual({ monitor: { hostname: '' } })
})

test('what happened while the cloud was away, or did not take it, comes afterwards, and after a restart too', async () => {
  const { heard, post, world, ...others } = await field()
  const passages = await follow({ world, ...others })
  world.isUp = false
  for (const userId of [11, 12]) await post('/__simulator/person', { userId })
  world.isUp = true
  world.takes = false
  passages.again()
  await eventually(() => expect(heard().length).toBeGreaterThan(0))
  passages.stop()
  world.reports = []
  world.takes = true
  await follow({ world, ...others })
  await eventually(() =>
    expect(heard().flatMap((one) => ('userId' in one ? [one.userId] : []))).toEqual(['11', '12']),
  )
  expect(new Set(heard().map(({ key }) => key)).size).toBe(heard().length)
})
