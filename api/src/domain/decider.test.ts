import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { type Decider, handle } from './decider.ts'

type Count = { readonly facts: number; readonly last: string }

/** Counts its facts. */
const counting: Decider<Count, { readonly id: string }, Fact<'UserSignedOut'> & Fact> = {
  initialState: { facts: 0, last: '' },
  decide: ({ id }) => [{ type: 'UserSignedOut', data: { userId: id } }],
  evolve: ({ facts }, { data }) => ({ facts: facts + 1, last: data.userId }),
}

const directory = mkdtempSync(join(tmpdir(), 'travessia-decider-'))
let store: EventStore
/** Events that were read of streams. */
let read = 0

beforeAll(async () => {
  const real = await createSqliteStore(join(directory, 'events.db'))
  store = Object.assign(Object.create(real) as EventStore, {
    append: real.append.bind(real),
    async readStream(...where: Parameters<EventStore['readStream']>) {
      const events = await real.readStream(...where)
      read += events.length
      return events
    },
    close: real.close.bind(real),
  })
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

function streamOf(events: number) {
  const [tenantId, streamId] = [newId(), newId()]
  const stream = { tenantId, streamKind: 'access', streamId } as const
  const written = append({ ...stream, events: Array.from({ length: events }, () => event()) })
  return { stream, written: store.append(written) }
}

const context = event()

test('of a long stream a decision reads what is new, whoever wrote it, and its state is that of all facts', async () => {
  const { stream, written } = streamOf(1_234)
  await written
  const decided = async () => {
    read = 0
    const id = newId()
    const { state } = await handle(store, counting, stream, { id }, context)
    expect(state.last).toBe(id)
    return { facts: state.facts, read }
  }
  expect(await decided()).toEqual({ facts: 1_235, read: 1_234 })
  expect(await decided()).toEqual({ facts: 1_236, read: 1 })
  await store.append(append({ ...stream, events: [event(), event()] }))
  expect(await decided()).toEqual({ facts: 1_239, read: 3 })
})

test('of many decisions at once each counts, on a long stream as on a short one', async () => {
  for (const events of [3, 600]) {
    const { stream, written } = streamOf(events)
    await written
    const decide = () => handle(store, counting, stream, { id: newId() }, context)
    const states = await Promise.all(Array.from({ length: 4 }, decide))
    const counts = states.map(({ state }) => state.facts).sort((a, b) => a - b)
    expect(counts).toEqual([1, 2, 3, 4].map((more) => events + more))
  }
})

test('nothing is decided on a stream in which an event was altered', async () => {
  const one = append()
  await store.append(one)
  const readStream = async (...stream: Parameters<EventStore['readStream']>) =>
    (await store.readStream(...stream)).map((known) => ({
      ...known,
      ...({ type: 'EventAltered', data: {} } as const),
    }))
  const damaged = Object.assign(Object.create(store) as EventStore, { readStream })
  const { tenantId, streamKind, streamId } = one
  const stream = { tenantId, streamKind, streamId }
  await expect(handle(damaged, counting, stream, { id: newId() }, event())).rejects.toEqual(
    expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
  )
})

test('a stream whose newest events have expired goes on behind them, by what is left', async () => {
  const { stream, written } = streamOf(5)
  const { position } = await written
  const file = new DatabaseSync(join(directory, 'events.db'), { timeout: 5_000 })
  file.exec('drop trigger event_is_never_removed')
  file.prepare('delete from event where position > ? and position <= ?').run(position - 2, position)
  file.close()
  const decided = () => handle(store, counting, stream, { id: newId() }, context)
  expect([(await decided()).state.facts, (await decided()).state.facts]).toEqual([4, 5])
  const versions = await store.readStream(stream.tenantId, stream.streamId)
  expect(versions.map(({ version }) => version)).toEqual([1, 2, 3, 6, 7])
})

test('who is never quick enough is told of a conflict', async () => {
  const { stream, written } = streamOf(1)
  await written
  const busy = Object.assign(Object.create(store) as EventStore, {
    async append(wanted: Parameters<EventStore['append']>[0]) {
      await store.append({ ...wanted, expected: 'any' })
      return store.append(wanted)
    },
  })
  await expect(handle(busy, counting, stream, { id: newId() }, context)).rejects.toMatchObject({
    code: 'CONFLICT',
  })
})
