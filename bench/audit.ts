/** `node bench/audit.ts [--events 1000000]`: how long the questions of an auditor take on a log of that length, on both engines. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { typesOfKind } from '@travessia/schemas/events'
import { search } from '../api/src/audit/search.ts'
import { readArguments } from '../api/src/command-line.ts'
import type { EventFilter } from '../api/src/store/event-store.ts'
import { type Cast, cast, fill, manyAppends } from '../api/src/store/many-events.fixture.ts'
import { type Engine, openEngine } from './store-engines.ts'

const { values } = readArguments('Usage: node bench/audit.ts [--events N]', {
  options: { events: { type: 'string', default: '100000' } },
})
const asked = 200
const root = mkdtempSync(join(tmpdir(), 'travessia-audit-'))

const neverDid = 'a user and a type that she never did'

type Ask = (turn: number) => Omit<EventFilter, 'tenantId' | 'limit'>

async function main(): Promise<void> {
  for (const name of ['sqlite', 'postgres'] as const) {
    const directory = join(root, name)
    mkdirSync(directory)
    const engine = await openEngine(name, directory)
    await measure(name, engine).finally(() => engine.close())
  }
}

/** A tenth of the events are another tenant's. */
async function measure(name: string, engine: Engine): Promise<void> {
  const { store } = engine
  const [people, others] = [cast(), cast()]
  const count = Number(values.events)
  const begun = performance.now()
  const made = await fill(store, manyAppends(people, count))
  const perSecond = Math.round((made * 1000) / (performance.now() - begun))
  const all = made + (await fill(store, manyAppends(others, count / 10)))
  const bytes = await engine.bytes()
  const size = `${Math.round(bytes / 1e6)} MB, ${Math.round(bytes / all)} bytes an event`
  console.log(`${name}: ${made} events appended, ${perSecond} a second; ${size}`)
  const { tenantId } = people
  const asked = Object.entries(questions(people, await store.head()))
  const filterOf = (ask: Ask) => (turn: number) => ({ tenantId, limit: 50, ...ask(turn) })
  for (const [what, ask] of asked) {
    const filter = filterOf(ask)
    console.log(line(what, await times((turn) => store.query(filter(turn)))))
    if (what === neverDid)
      console.log(line('the same, to the end', await times((turn) => search(store, filter(turn)))))
  }
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
    'a device and a kind': (turn) => ({
      ...{ deviceId: place(turn)?.deviceId ?? '', types: typesOfKind('session') },
    }),
    [neverDid]: (turn) => ({
      ...{ actorId: users[turn % users.length] ?? '', types: ['AgentRevoked'] },
    }),
    'narrowed to three installations': () => ({
      installationIds: places.slice(0, 3).map(({ installationId }) => installationId),
    }),
  }
}

async function times(ask: (turn: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  for (let turn = 0; turn < asked; turn += 1) {
    const begun = performance.now()
    await ask(turn)
    taken.push(performance.now() - begun)
  }
  return taken.sort((a, b) => a - b)
}

function line(what: string, taken: readonly number[]): string {
  const at = (share: number) =>
    (taken[Math.floor(taken.length * share)] ?? 0).toFixed(2).padStart(8)
  return `${what.padEnd(42)} p50 ${at(0.5)} ms  p95 ${at(0.95)} ms`
}

await main().finally(() => rmSync(root, { recursive: true, force: true }))
