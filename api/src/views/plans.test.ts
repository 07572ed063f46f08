import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AgentsView } from './agents.ts'
import { CommandsView } from './commands.ts'
import { DevicesView } from './devices.ts'
import { FeedsView } from './feeds.ts'
import { FilesView } from './files.ts'
import { GapsView } from './gaps.ts'
import { InstallationsView } from './installations.ts'
import { MembersView } from './members.ts'
import { PoliciesView } from './policies.ts'
import { type SessionFilter, SessionsView } from './sessions.ts'

/** Remembers what was asked. */
class Watched extends DatabaseSync {
  readonly asked = new Set<string>()

  override prepare(sql: string): StatementSync {
    this.asked.add(sql)
    return super.prepare(sql)
  }

  /** Of all reading of rows. */
  plans(): string[] {
    const isReading = (sql: string) => /^select (?!sql from sqlite_master)/.test(sql)
    const reading = [...this.asked].filter(isReading)
    return reading.map((sql) => {
      const rows = super.prepare(`explain query plan ${sql}`).all()
      return `${sql}\n${rows.map((row) => String(row['detail'])).join('\n')}`
    })
  }
}

const id = newId()
const time = '2026-11-24T12:00:00Z'
const base: SessionFilter = { tenantId: id, installationIds: null, limit: 10 }
const narrowings: Array<Partial<SessionFilter>> = [
  ...[{}, { beforePosition: 9 }, { installationIds: [id] }, { installationId: id }],
  ...[
    { deviceId: id },
    { userId: id },
    { status: 'ACTIVE' as const },
    { from: time },
    { to: time },
    { activeAt: time },
    { hasGaps: true },
  ],
  { deviceId: id, userId: id, activeAt: time, from: time, beforePosition: 9 },
]

test('every list of the views uses an index: no scan, no sorting', async () => {
  const database = new Watched(':memory:')
  const gaps = new GapsView(database)
  await gaps.count(id)
  await gaps.count(id, id)
  const sessions = new SessionsView(database)
  for (const narrowing of narrowings) await sessions.list({ ...base, ...narrowing })
  await sessions.active()
  const commands = new CommandsView(database)
  await commands.ofDevice(id, id, 10)
  await commands.lastSeq(id, id)
  await commands.awaiting()
  await commands.open()
  const devices = new DevicesView(database)
  await devices.list(id, id)
  const installations = new InstallationsView(database)
  await installations.list(id)
  await installations.bySlug(id, 'x')
  await new AgentsView(database).current(id, id)
  await new FeedsView(database).ofTenant(id)
  await new FilesView(database).usage(id)
  await new MembersView(database).list(id)
  await new PoliciesView(database).get(id)
  const plans = database.plans()
  expect(plans.length).toBeGreaterThan(15)
  for (const plan of plans) {
    expect(plan).toContain('SEARCH')
    expect(plan).not.toMatch(/SCAN (?!json_each)|TEMP B-TREE/)
  }
})

const minute = 60_000
const start = Date.parse('2026-11-24T08:00:00Z')
const iso = (minutes: number) => new Date(start + minutes * minute).toISOString()

type Lived = { readonly opened: number; readonly expires: number; readonly ended?: number }

/** Of one device and person each, out of four; opened some minutes before its events say so. */
function live(view: SessionsView, { opened, expires, ended }: Lived, position: number): void {
  const event = (type: string, at: number, data: object) =>
    view.apply({
      ...{ type, data, at: iso(at), position, streamId: `s${position}`, tenantId: id },
      ...{ installationId: `i${position % 2}`, deviceId: `d${position % 4}` },
      actor: { type: 'user', id: `u${position % 3}` },
    } as unknown as RecordedEvent)
  event('SessionRequested', opened, { purpose: '', mode: 'host' })
  event('SessionOpened', opened, { expiresAt: iso(expires), endsAtLatest: iso(opened + 240) })
  if (ended !== undefined) event('SessionClosed', ended, { reason: 'user' })
}

test('sessions active at a moment are those that somebody could use then, whatever else is asked', async () => {
  const lived = fc
    .record({
      opened: fc.nat(600),
      lasts: fc.integer({ min: 1, max: 240 }),
      endsAfter: fc.nat(900),
    })
    .map(({ opened, lasts, endsAfter }): Lived => {
      const one = { opened, expires: opened + lasts }
      return endsAfter > 600 ? one : { ...one, ended: opened + endsAfter }
    })
  await fc.assert(
    fc.asyncProperty(
      fc.array(lived, { maxLength: 30 }),
      fc.nat(900),
      fc.constantFrom({}, { deviceId: 'd1' }, { userId: 'u2' }, { installationId: 'i0' }),
      async (all, at, narrowing) => {
        const view = new SessionsView(new DatabaseSync(':memory:'))
        for (const [index, one] of all.entries()) live(view, one, index + 1)
        const filter = { ...base, ...narrowing, limit: 100, activeAt: iso(at) }
        const found = await view.list(filter)
        const expected = (await view.list({ ...base, ...narrowing, limit: 100 })).filter(
          ({ position }) => {
            const { opened, expires, ended = Number.POSITIVE_INFINITY } = all[position - 1] as Lived
            return opened <= at && at < Math.min(expires, ended)
          },
        )
        expect(found).toEqual(expected)
      },
    ),
    { numRuns: 60 },
  )
})

test('sessions opened in a span of time come page by page, newest first', async () => {
  const view = new SessionsView(new DatabaseSync(':memory:'))
  const openings = [50, 10, 20, 60, 30, 40]
  for (const [index, opened] of openings.entries()) live(view, { opened, expires: 99 }, index + 1)
  const wanted = { ...base, from: iso(20), to: iso(50), limit: 2 }
  const first = await view.list(wanted)
  const second = await view.list({ ...wanted, beforePosition: first.at(-1)?.position ?? 0 })
  const positions = (rows: typeof first) => rows.map(({ position }) => position)
  expect([positions(first), positions(second)]).toEqual([
    [6, 5],
    [3, 1],
  ])
})
