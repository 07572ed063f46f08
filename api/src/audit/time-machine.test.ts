import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EventStore } from '../store/event-store.ts'
import { cast, fill, manyAppends } from '../store/many-events.fixture.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { fact, tenantId } from '../views/random-facts.fixture.ts'
import { Views } from '../views/views.ts'
import { stateOf, TimeMachine } from './time-machine.ts'

const log = pino({ level: 'silent' })
const directory = mkdtempSync(join(tmpdir(), 'travessia-past-'))
const { signal } = new AbortController()
const nameOf = (userId: string) => `name of ${userId}`
const wide = { tenantId, at: '2026-11-24T11:59:59.999Z', installationIds: null, nameOf, signal }
let files = 0
let store: EventStore

const newStore = () => createSqliteStore(join(directory, `${++files}-events.db`))
beforeEach(async () => {
  store = await newStore()
})
afterEach(() => store.close())
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the state at a place of the log is what the views showed when the log ended there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fact, { minLength: 1, maxLength: 40 }), async (appends) => {
      const own = await newStore()
      const views = new Views({ store: own, path: join(directory, `${files}-views.db`), log })
      await views.start()
      const seen: Array<Awaited<ReturnType<typeof stateOf>>> = []
      for (const append of appends) {
        const { position } = await own.append(append)
        await own.append({ ...append, tenantId: newId(), streamId: newId() })
        await views.until(position)
        seen.push(await stateOf(views, { ...wide, position }))
      }
      const machine = new TimeMachine(own)
      for (const state of seen)
        expect(await machine.stateAt({ ...wide, position: state.position })).toEqual(state)
      await views.stop()
      await own.close()
    }),
    { numRuns: 10 },
  )
}, 60_000)

test('whoever is narrowed to some installations sees those, and no members', async () => {
  const made = new Set(['InstallationCreated', 'RoleGranted', 'DeviceRegistered', 'SessionOpened'])
  const some = fact.filter(({ events }) => made.has(String(events[0]?.type)))
  for (const append of fc.sample(some, { numRuns: 40, seed: 3 })) await store.append(append)
  const machine = new TimeMachine(store)
  const all = await machine.stateAt({ ...wide, position: await store.head() })
  const [one] = all.installations
  expect(all.installations.length).toBeGreaterThan(1)
  expect(all.members.length).toBeGreaterThan(0)
  const installationIds = [one?.id ?? '']
  const seen = await machine.stateAt({ ...wide, installationIds, position: await store.head() })
  expect(seen.installations).toEqual([one])
  expect(seen.members).toEqual([])
  for (const { installationId } of [...seen.devices, ...seen.agents, ...seen.sessions])
    expect(installationId).toBe(one?.id)
})

test('whoever was suspended at that instant had no access', async () => {
  const userId = newId()
  const change = async (type: 'RoleGranted' | 'AccessSuspended' | 'AccessRestored', at: number) => {
    const data = type === 'RoleGranted' ? { userId, role: 'operator' } : { userId }
    const { position } = await store.append({
      ...{ tenantId, streamKind: 'access', streamId: userId, expected: at || 'none' },
      events: [
        {
          at: wide.at,
          actor: { type: 'user', id: userId },
          correlationId: newId(),
          type,
          data,
        } as never,
      ],
    })
    const { members } = await new TimeMachine(store).stateAt({ ...wide, position })
    return members.some((one) => one.userId === userId)
  }
  const seen = [await change('RoleGranted', 0), await change('AccessSuspended', 1)]
  expect([...seen, await change('AccessRestored', 2)]).toEqual([true, false, true])
})

test('a session whose time had run out is not open, though its end was not recorded by then', async () => {
  const made: readonly unknown[] = ['SessionRequested', 'SessionOpened']
  const one = fc.sample(
    fact.filter(({ events }) => made.includes(events[0]?.type)),
    { numRuns: 20, seed: 3 },
  )
  const [asked, opened] = made.map((type) => one.find(({ events }) => events[0]?.type === type))
  if (!asked || !opened) throw new Error('too few facts')
  await store.append(asked)
  await store.append({ ...opened, streamId: asked.streamId })
  const machine = new TimeMachine(store)
  const moment = { ...wide, position: await store.head() }
  const [session] = (await machine.stateAt(moment)).sessions
  expect(session).toMatchObject({ id: asked.streamId, userName: `name of ${session?.userId}` })
  const over = { ...moment, at: session?.expiresAt ?? '' }
  expect((await machine.stateAt(over)).sessions).toEqual([])
})

test('one of each customer and two in all run at once; who has gone stops it', async () => {
  const people = cast()
  await fill(store, manyAppends(people, 12_000))
  const machine = new TimeMachine(store)
  const position = await store.head()
  const busy = expect.objectContaining({ code: 'NODE_BUSY' })
  const leaving = new AbortController()
  const first = machine.stateAt({
    ...{ ...wide, tenantId: people.tenantId, position, signal: leaving.signal },
  })
  const again = machine.stateAt({ ...wide, tenantId: people.tenantId, position })
  const second = machine.stateAt({ ...wide, tenantId: newId(), position })
  const third = machine.stateAt({ ...wide, tenantId: newId(), position })
  leaving.abort()
  const left = expect(first).rejects.toThrow('abort')
  await expect(again).rejects.toEqual(busy)
  await expect(third).rejects.toEqual(busy)
  await second
  await left
  expect(await machine.stateAt({ ...wide, position: 0 })).toMatchObject({ installations: [] })
})

test.each([
  ['within a minute is told', 60_000, false],
  ['that takes longer is given up, and makes room', 60_001, true],
])('a state %s', async (_what, tookMs, isGivenUp) => {
  const people = cast()
  await fill(store, manyAppends(people, 12_000))
  const machine = new TimeMachine(store)
  const moment = { ...wide, tenantId: people.tenantId, position: await store.head() }
  const clock = vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(tookMs)
  const asked = machine.stateAt(moment)
  if (isGivenUp) await expect(asked).rejects.toMatchObject({ code: 'NODE_BUSY' })
  else expect(await asked).toMatchObject({ position: moment.position })
  clock.mockRestore()
  expect(await machine.stateAt(moment)).toMatchObject({ position: moment.position })
})
