/** `node bench/audit.ts [--events 1000000]`: how long the questions of an auditor take on a log of that length. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventFilter, EventStore } from '../api/src/store/event-store.ts'
import { type Cast, cast, fill, manyAppends } from '../api/src/store/many-events.fixture.ts'
import { createSqliteStore } from '../api/src/store/sqlite.ts'
import { readArguments } from '../scripts/usage.ts'

const { values } = readArguments('Usage: node bench/audit.ts [--events N]', {
  options: { events: { type: 'string', default: '100000' } },
})
const asked = 200
const directory = mkdtempSync(join(tmpdir(), 'travessia-audit-'))

type Ask = (turn: number) => Omit<EventFilter, 'tenantId' | 'limit'>

/** A tenth of the events are another tenant's. */
async function main(): Promise<void> {
  const path = join(directory, 'events.db')
  const store = await createSqliteStore(path)
  const [people, others] = [cast(), cast()]
  const count = Number(values.events)
  const begun = performance.now()
  const made = await fill(store, manyAppends(people, count))
  const seconds = (performance.now() - begun) / 1000
  console.log(`${made} events appended, ${Math.round(made / seconds)} a second`)
  await fill(store, manyAppends(others, count / 10))
  const megabytes = (statSync(path).size / 1e6).toFixed(0)
  console.log(`${megabytes} MB, ${Math.round(statSync(path).size / (made * 1.1))} bytes an event`)
  for (const [what, ask] of Object.entries(questions(people, await store.head())))
    console.log(line(what, await times(store, people, ask)))
  await store.close()
}

function questions({ users, places }: Cast, head: number): Record<string, Ask> {
  const at = (turn: number) => Date.UTC(2025, 10, 1) + ((turn * 7_919) % 8_760) * 3_600_000
  const day = (turn: number) => ({
    from: new Date(at(turn)).toISOString(),
    to: new Date(at(turn) + 86_400_000).toISOString(),
  })
  const place = (turn: number) => places[turn % places.length]
  return {
    newest: () => ({}),
    'page at a random depth': (turn) => ({ cursor: String(1 + ((turn * 104_729) % head)) }),
    'a day': day,
    'a user': (turn) => ({ actorId: users[turn % users.length] ?? '' }),
    'a user on a day': (turn) => ({ actorId: users[turn % users.length] ?? '', ...day(turn) }),
    'a device': (turn) => ({ deviceId: place(turn)?.deviceId ?? '' }),
    'an installation on a day': (turn) => ({
      ...{ installationId: place(turn)?.installationId ?? '', ...day(turn) },
    }),
    'a kind': () => ({ types: ['CommandIssued', 'CommandDelivered', 'CommandSucceeded'] }),
    'a type that there is none of': () => ({ types: ['AgentRevoked'] }),
    'a device and a type that it has none of': (turn) => ({
      ...{ deviceId: place(turn)?.deviceId ?? '', types: ['AgentRevoked'] },
    }),
    'narrowed to three installations': () => ({
      installationIds: places.slice(0, 3).map(({ installationId }) => installationId),
    }),
  }
}

async function times(store: EventStore, { tenantId }: Cast, ask: Ask): Promise<number[]> {
  const taken: number[] = []
  for (let turn = 0; turn < asked; turn += 1) {
    const begun = performance.now()
    await store.query({ tenantId, limit: 50, ...ask(turn) })
    taken.push(performance.now() - begun)
  }
  return taken.sort((a, b) => a - b)
}

function line(what: string, taken: readonly number[]): string {
  const at = (share: number) =>
    (taken[Math.floor(taken.length * share)] ?? 0).toFixed(2).padStart(8)
  return `${what.padEnd(42)} p50 ${at(0.5)} ms  p95 ${at(0.95)} ms`
}

await main().finally(() => rmSync(directory, { recursive: true, force: true }))
