/** Commands that bring a file. */
import type { CommandOrder } from '@travessia/schemas/commands'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { key, orderOf, running } from './command-runner.fixture.ts'
import { eventually } from './fixtures.ts'

const facts = { name: 'a.gcode', length: 3, sha256: '0'.repeat(64) }
const uploadOrder = (other: Partial<CommandOrder> = {}) =>
  orderOf({ name: 'UploadFile', args: { file: newId() }, body: facts, ...other })

test('a command that brings a file tells its device nothing before the file is there, and removes it afterwards', async () => {
  const steps: string[] = []
  const { run, reports, journal } = running({
    async fetchFile(id, wanted, { onBytes }) {
      expect([wanted, journal.isStarted(id)]).toEqual([facts, false])
      onBytes(3)
      steps.push('fetched')
      const remove = () => void steps.push('removed')
      return { ...facts, remove, read: () => [] as never }
    },
    async execute(id, { file }) {
      steps.push(`told of ${file?.name}, ${journal.isStarted(id)}`)
      return { outcome: 'confirmed', file: 'A.GCO' }
    },
  })
  expect(await run(uploadOrder())).toMatchObject({ status: 'succeeded', file: 'A.GCO' })
  expect(steps).toEqual(['fetched', 'told of a.gcode, true', 'removed'])
  const said = reports.map(({ status, percent }) => [status, percent])
  expect(said).toEqual([
    ['delivered', undefined],
    ['running', undefined],
    ['running', 50],
    ['succeeded', undefined],
  ])
})

test('a file that does not come as it was signed ends the command as failed, and the device is told nothing', async () => {
  const { run, ran } = running({
    fetchFile: async () => {
      throw new TravessiaError('FILE_BROKEN', { problem: 'not what was signed' })
    },
  })
  expect(await run(uploadOrder())).toMatchObject({
    ...{ status: 'failed', errorCode: 'FILE_BROKEN', detail: 'not what was signed' },
  })
  expect(ran).toEqual([])
})

test('killed while the file is on its way: failed after the restart, once, and never run again', async () => {
  const before = running({ fetchFile: () => new Promise(() => undefined) })
  const order = uploadOrder()
  await before.runner.receive(await key.sign(order))
  await eventually(() => expect(before.journal.outcomeOf(order.id)).toBeUndefined())
  const after = running({ journalPath: before.journalPath })
  after.runner.resend()
  expect(await after.ended(order.id)).toMatchObject({ status: 'failed', errorCode: 'FILE_BROKEN' })
  await after.runner.receive(await key.sign(order))
  await eventually(() => expect(after.reports).toHaveLength(2))
  expect(new Set(after.reports.map(({ status }) => status))).toEqual(new Set(['failed']))
  expect(after.ran).toEqual([])
})

test('killed while the file is sent to the device: unknown', async () => {
  const before = running({
    fetchFile: async () => ({ ...facts, remove: () => undefined, read: () => [] as never }),
    execute: () => new Promise(() => undefined),
  })
  const order = uploadOrder()
  await before.runner.receive(await key.sign(order))
  await eventually(() => expect(before.ran).toEqual([order.id]))
  const after = running({ journalPath: before.journalPath })
  after.runner.resend()
  expect(await after.ended(order.id)).toMatchObject({ status: 'unknown' })
})

test('while a file is on its way other commands of the device run, and a second file waits', async () => {
  const fetched: string[] = []
  const { runner, ended, ran } = running({
    fetchFile: (id) => {
      fetched.push(id)
      return new Promise(() => undefined)
    },
  })
  const [first, second, gate] = [uploadOrder(), uploadOrder({ seq: 2 }), orderOf({ seq: 3 })]
  for (const order of [first, second, gate]) await runner.receive(await key.sign(order))
  expect(await ended(gate.id)).toMatchObject({ status: 'succeeded' })
  expect([ran, fetched]).toEqual([[gate.id], [first.id]])
})

test('an agent that was paused while the file came does not send it to the device', async () => {
  const { run, ran, world } = running({
    fetchFile: async () => {
      world.isPaused = true
      return { ...facts, remove: () => undefined, read: () => [] as never }
    },
  })
  expect(await run(uploadOrder())).toMatchObject({ status: 'refused', errorCode: 'AGENT_PAUSED' })
  expect(ran).toEqual([])
})

test('a file that took longer than the command lives is expired by the driver’s last look', async () => {
  const { run, world } = running({
    fetchFile: async () => {
      const now = Date.now()
      world.now = () => now + 3_600_000
      return { ...facts, remove: () => undefined, read: () => [] as never }
    },
    execute: async (_id, { startWithinMs }) =>
      startWithinMs() > 0 ? { outcome: 'accepted' } : { outcome: 'late' },
  })
  expect(await run(uploadOrder())).toMatchObject({ status: 'expired' })
})

test('a file with a command that wants none, or none with one that does, is refused', async () => {
  const { run, ran } = running()
  const { body: _none, ...bare } = uploadOrder()
  for (const order of [bare, orderOf({ body: facts })])
    expect(await run(order)).toMatchObject({ status: 'refused', errorCode: 'COMMAND_UNSUPPORTED' })
  expect(ran).toEqual([])
})
