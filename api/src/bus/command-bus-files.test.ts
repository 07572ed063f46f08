/** Commands that bring a file. */
import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test } from 'vitest'
import { installationId, request, startBus, tenantId, userId } from './command-bus.fixture.ts'
import type { CommandRequest } from './command-bus.ts'

const { clock, now, orders, store, views, bus, typesOf, stop } = await startBus()
afterAll(stop)

const facts = { name: 'peça.gcode', length: 3, sha256: '0'.repeat(64) }

/** An UploadFile for a file that the log knows. */
async function uploadRequest(change: Partial<CommandRequest> = {}) {
  const device = { ...request().device, driver: 'octoprint' as const }
  const file = newId()
  const stream = { tenantId, streamKind: 'file', streamId: file } as const
  const context = {
    ...{ actor: { type: 'user', id: userId } as const, at: new Date(now()).toISOString() },
    ...{ installationId, deviceId: device.id, correlationId: newId() },
  }
  const data = { ...facts, expiresAt: new Date(now() + 60_000).toISOString() }
  const uploaded = { ...context, type: 'FileUploaded', data } as const
  await views.until(
    (await store.append({ ...stream, expected: 'none', events: [uploaded] })).position,
  )
  const remove = async () => {
    const removed = {
      ...context,
      type: 'FileRemoved',
      data: { name: 'x', reason: 'sent' },
    } as const
    await views.until((await store.append({ ...stream, expected: 1, events: [removed] })).position)
  }
  const one = request({ device, command: 'UploadFile', args: { file }, ...change })
  return { one, remove, file }
}

test('the order for a file carries what is signed of it, from the fact and not from the caller', async () => {
  const { one } = await uploadRequest()
  const { commandId } = await bus.issue(one)
  expect(orders.at(-1)).toMatchObject({ id: commandId, body: facts })
  const [issued] = await store.readStream(tenantId, commandId)
  expect(issued?.data).toMatchObject({ body: facts })
})

test('a file of another device, another tenant or of nobody does not exist, and leaves no trace', async () => {
  const { one, file } = await uploadRequest()
  const head = await store.head()
  for (const other of [
    { device: { ...one.device, id: newId() } },
    { tenantId: newId(), device: one.device },
    { args: { file: newId() } },
  ])
    await expect(bus.issue({ ...one, ...other })).rejects.toMatchObject({ code: 'FILE_GONE' })
  expect(await store.head()).toBe(head)
  expect((await bus.issue({ ...one, args: { file } })).commandId).toBeDefined()
})

test('a file that is used up or over is refused on record; the repetition of what used it is still the same command', async () => {
  const { one, remove } = await uploadRequest({ idempotencyKey: 'file-1' })
  const { commandId } = await bus.issue(one)
  await remove()
  expect((await bus.issue(one)).commandId).toBe(commandId)
  const { idempotencyKey: _key, ...again } = one
  const error = await bus.issue(again).catch((cause) => cause)
  expect(error).toMatchObject({ code: 'FILE_GONE' })
  expect(await typesOf(error.details.commandId)).toEqual(['CommandIssued', 'CommandRefused'])
  const { one: late } = await uploadRequest()
  clock.now += 60_000
  await expect(bus.issue(late)).rejects.toMatchObject({ code: 'FILE_GONE' })
  clock.now -= 60_000
})
