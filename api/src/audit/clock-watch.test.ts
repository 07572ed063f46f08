import { newId, systemTenantId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { Append } from '../store/event-store.ts'
import type { EvidenceLog } from '../store/evidence-log.ts'
import { ClockWatch } from './clock-watch.ts'

function watch(sizes: ReadonlyArray<{ tenantId: string; size: number }> = []) {
  const clocks = { wall: Date.UTC(2026, 10, 24), steady: 5_000.5, lookMs: 0 }
  const written: Append[] = []
  const lines: unknown[] = []
  const say = (line: unknown) => lines.push(line)
  const store = {
    append: async (append: Append) => ({ position: written.push(append), version: 1 }),
    evidence: { sizes: async () => sizes } as unknown as EvidenceLog,
  }
  const clockWatch = new ClockWatch({
    ...{ store, nodeId: newId(), log: { warn: say, error: say } },
    now: () => clocks.wall,
    steady: () => (clocks.steady += clocks.lookMs),
  })
  const second = async (jumpMs = 0) => {
    clocks.steady += 1_000
    clocks.wall += 1_000 + jumpMs
    await clockWatch.look()
  }
  return { clocks, clockWatch, second, written, lines, store }
}

test.each([1_000, -1_000, 3_600_000])('a clock that jumps by %i ms is one fact', async (jump) => {
  const { clocks, second, written } = watch()
  for (const ms of [0, 0, jump, 0]) await second(ms)
  const to = new Date(clocks.wall - 1_000)
  const from = new Date(to.getTime() - jump)
  expect(written.map(({ tenantId, events }) => [tenantId, events[0]?.data])).toEqual([
    [systemTenantId, { from: from.toISOString(), to: to.toISOString() }],
  ])
})

test('a clock that is slewed, however far in the end, has not jumped', async () => {
  const { second, written } = watch()
  for (let n = 0; n < 100; n += 1) await second(999)
  expect(written).toEqual([])
})

test('what the process stood still for between two looks at its clocks is no jump', async () => {
  const { clocks, second, written } = watch()
  await second()
  clocks.lookMs = 2_000
  await second()
  clocks.wall += 4_000
  clocks.lookMs = 0
  await second()
  expect(written).toEqual([])
})

test('a jump that could not be recorded is said in the node’s own log', async () => {
  const { second, lines, store } = watch()
  store.append = () => Promise.reject(new Error('full'))
  for (const ms of [0, 5_000]) await second(ms)
  expect(lines).toHaveLength(2)
})

test('a jump is a fact of every customer that has a log, also where one of them takes none', async () => {
  const [one, damaged, other] = [newId(), newId(), newId()]
  const at = watch([one, damaged, other].map((tenantId) => ({ tenantId, size: 3 })))
  const { append } = at.store
  at.store.append = async (wanted) => {
    if (wanted.tenantId === damaged) throw new Error('damaged')
    return append(wanted)
  }
  for (const ms of [0, 5_000]) await at.second(ms)
  expect(at.written.map(({ tenantId }) => tenantId)).toEqual([systemTenantId, one, other])
})
