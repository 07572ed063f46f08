/** Repeated, interrupted, killed: an order reaches its device at most once, and its end is said. */
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Execute, key, orderOf, running } from './command-runner.fixture.ts'
import type { CommandResult } from './drivers/driver.ts'
import { eventually, temporaryDirectory } from './fixtures.ts'
import { Journal } from './journal.ts'

test('an order that comes again is answered with its end and does not run again', async () => {
  const { run, runner, reports, ran } = running()
  const order = orderOf()
  await run(order)
  await runner.receive(await key.sign(order))
  await eventually(() =>
    expect(reports.filter(({ status }) => status === 'succeeded')).toHaveLength(2),
  )
  expect(ran).toHaveLength(1)
})

test('an order that comes again while it waits or runs does not run twice', async () => {
  let finish: () => void = () => undefined
  const held = new Promise<CommandResult>((resolve) => {
    finish = () => resolve({ outcome: 'accepted' })
  })
  const { runner, ran, ended } = running({ execute: () => held })
  const [first, waiting] = [orderOf(), orderOf({ seq: 2 })]
  const all = [first, waiting, first, waiting, first]
  const signed = await Promise.all(all.map((order) => key.sign(order)))
  await Promise.all(signed.map((jws) => runner.receive(jws)))
  await eventually(() => expect(ran).toHaveLength(1))
  finish()
  await ended(waiting.id)
  expect(ran).toEqual([first.id, waiting.id])
})

test('killed between start and end: after the restart it is unknown, said at the connection, never run again', async () => {
  const before = running({ execute: () => new Promise(() => undefined) })
  const order = orderOf()
  await before.runner.receive(await key.sign(order))
  await eventually(() => expect(before.ran).toHaveLength(1))
  const after = running({ journalPath: before.journalPath })
  after.runner.resend()
  expect(await after.ended(order.id)).toMatchObject({ status: 'unknown' })
  await after.runner.receive(await key.sign(order))
  await eventually(() => expect(after.reports).toHaveLength(2))
  expect(after.ran).toEqual([])
})

test('a driver that throws after the start leaves the outcome unknown', async () => {
  const { run } = running({ execute: () => Promise.reject(new Error('bug')) })
  expect(await run(orderOf())).toMatchObject({ status: 'unknown' })
})

test('a journal that cannot be written means nothing was begun: failed, and the agent lives on', async () => {
  const { run, journal, ran } = running()
  journal.close()
  expect(await run(orderOf())).toMatchObject({ status: 'failed', errorCode: 'INTERNAL' })
  expect(ran).toEqual([])
})

test.each<[string, Execute, string]>([
  ['done', async () => ({ outcome: 'accepted' }), 'succeeded'],
  ['broken off', () => Promise.reject(new Error('bug')), 'unknown'],
])(
  'an emergency stop is told once though the journal cannot be written, and its end is said (%s)',
  async (_what, execute, status) => {
    const { run, runner, journal, reports, ran } = running({ execute })
    journal.close()
    const stop = orderOf({ name: 'EmergencyStop', args: {} })
    expect(await run(stop)).toMatchObject({ status })
    await runner.receive(await key.sign(stop))
    await eventually(() =>
      expect(reports.filter((report) => report.status === status)).toHaveLength(2),
    )
    expect(ran).toEqual([stop.id])
  },
)

test('an end that the broker did not take is said at the next connection, however late', async () => {
  const { runner, reports, ran, world, endOf } = running()
  world.isOnline = false
  const order = orderOf()
  await runner.receive(await key.sign(order))
  await eventually(() => expect(ran).toHaveLength(1))
  expect(reports).toEqual([])
  world.isOnline = true
  await eventually(() => {
    runner.resend()
    expect(endOf(order.id)).toMatchObject({ status: 'succeeded' })
  })
})

test('what is said again after a reconnect never comes faster than the broker takes it', async () => {
  const { runner, journal, reports } = running()
  const ids = Array.from({ length: 500 }, () => newId())
  for (const commandId of ids)
    journal.ended({ kind: 'command', commandId, status: 'succeeded', at: Date.now() })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  runner.resend()
  await vi.advanceTimersByTimeAsync(950)
  const inOneSecond = reports.length
  expect(inOneSecond).toBeGreaterThanOrEqual(100)
  expect(inOneSecond).toBeLessThanOrEqual(250)
  expect(reports[0]?.commandId).toBe(ids.at(-1))
  // Another reconnect in between: one repetition goes on, not two beside each other.
  runner.resend()
  await vi.advanceTimersByTimeAsync(950)
  expect(reports.length - inOneSecond).toBeLessThanOrEqual(250)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(new Set(reports.map(({ commandId }) => commandId)).size).toBe(500)
})

test('a stop ends what runs as the driver says, and what waits as not begun', async () => {
  const { runner, ended, ran } = running({
    execute: (_id, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ outcome: 'unknown', detail: 'stopped' }))
      }),
  })
  const [running1, waiting] = [orderOf(), orderOf({ seq: 2 })]
  await runner.receive(await key.sign(running1))
  await runner.receive(await key.sign(waiting))
  await eventually(() => expect(ran).toHaveLength(1))
  await runner.stop()
  expect((await ended(running1.id)).status).toBe('unknown')
  expect((await ended(waiting.id)).status).toBe('failed')
  expect(ran).toEqual([running1.id])
})

test('a driver that does not come back is noticed', async () => {
  const { runner, ran } = running({ execute: () => new Promise(() => undefined) })
  expect(runner.isWorking).toBe(true)
  await runner.receive(await key.sign(orderOf()))
  await eventually(() => expect(ran).toHaveLength(1))
  expect(runner.isWorking).toBe(true)
  const later = performance.now() + 121_000
  const clock = vi.spyOn(performance, 'now').mockReturnValue(later)
  onTestFinished(() => clock.mockRestore())
  expect(runner.isWorking).toBe(false)
})

test('whatever is delivered again and however often the agent dies, each order reaches the device at most once', async () => {
  const orders = Array.from({ length: 4 }, (_, i) => orderOf({ seq: i + 1 }))
  const signed = await Promise.all(orders.map((order) => key.sign(order)))
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.nat(3) },
    { weight: 1, arbitrary: fc.constant('crash' as const) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 14 }),
      fc.array(fc.boolean()),
      async (steps, hangs) => {
        const journalPath = join(temporaryDirectory(), 'journal')
        const touched: string[] = []
        const start = () => {
          const life = { isDead: false }
          const execute: Execute = async (id) => {
            if (!life.isDead) touched.push(id)
            return hangs[touched.length] ? new Promise(() => undefined) : { outcome: 'accepted' }
          }
          return { life, ...running({ journalPath, execute }) }
        }
        let process = start()
        for (const one of steps) {
          if (one === 'crash') {
            process.life.isDead = true
            process = start()
          } else {
            await process.runner.receive(signed[one] ?? '')
          }
        }
        await new Promise((resolve) => setImmediate(resolve))
        process.life.isDead = true
        expect(new Set(touched).size).toBe(touched.length)
        const reopened = new Journal(journalPath)
        for (const id of touched) expect(reopened.outcomeOf(id)).toMatchObject({ commandId: id })
      },
    ),
    { numRuns: 60 },
  )
})
