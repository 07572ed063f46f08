import type { CommandFact } from '@travessia/schemas/events'
import type { CommandReport } from '@travessia/schemas/reports'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CommandIntent, type CommandState, command, outcomeGraceMs } from './command.ts'

const at = Date.parse('2026-11-24T12:00:00Z')
const issue: CommandIntent = {
  type: 'IssueCommand',
  issued: {
    command: 'OpenGate',
    args: { direction: 'clockwise' },
    safety: 'physical',
    expiresAt: new Date(at + 5_000).toISOString(),
    seq: 1,
    idempotencyKey: 'k',
  },
}
const report = (
  status: CommandReport['status'],
  more: Partial<CommandReport> = {},
): CommandIntent => ({
  type: 'ReportCommand',
  report: { kind: 'command', commandId: 'c', status, at, ...more },
})
const giveUp = (now: number, handedOver: boolean): CommandIntent => ({
  type: 'GiveUpCommand',
  now,
  handedOver,
})

/** Decides and evolves each intent in turn; the types of all facts. */
function run(...intents: CommandIntent[]): string[] {
  let state: CommandState = command.initialState
  return intents.flatMap((intent) => {
    const facts: readonly CommandFact[] = command.decide(intent, state)
    state = facts.reduce(command.evolve, state)
    return facts.map((fact) => fact.type)
  })
}

test('a command that goes well is issued, delivered, started and succeeds', () => {
  expect(
    run(issue, report('delivered'), report('running'), report('succeeded', { confirmed: true })),
  ).toEqual(['CommandIssued', 'CommandDelivered', 'CommandStarted', 'CommandSucceeded'])
})

test('progress is a fact at each ten percent, never backwards, never before the start, at most nine times', () => {
  const percents = [5, 10, 12, 19, 40, 20, 41, 99, 99]
  const said = percents.map((percent) => report('running', { percent }))
  const before = run(issue, report('running', { percent: 50 }))
  expect(before).toEqual(['CommandIssued', 'CommandStarted'])
  const facts = run(issue, report('running'), ...said, report('succeeded'), ...said)
  expect(facts).toEqual([
    ...['CommandIssued', 'CommandStarted'],
    ...Array(3).fill('CommandProgressed'),
    'CommandSucceeded',
  ])
  const flood = Array.from({ length: 300 }, (_, i) => report('running', { percent: i % 100 }))
  const all = run(issue, report('running'), ...flood)
  expect(all.filter((type) => type === 'CommandProgressed')).toHaveLength(9)
})

test('a command for an agent that is offline is issued and refused in one append', () => {
  expect(run({ ...issue, refusal: 'AGENT_OFFLINE' })).toEqual(['CommandIssued', 'CommandRefused'])
})

test('a command is issued once', () => {
  expect(() => run(issue, issue)).toThrow(expect.objectContaining({ code: 'CONFLICT' }))
})

test('a report repeated or out of order yields nothing', () => {
  expect(
    run(
      issue,
      report('running'),
      report('delivered'),
      report('running'),
      report('refused'),
      report('refused'),
    ),
  ).toEqual(['CommandIssued', 'CommandStarted', 'CommandRefused'])
})

test('a report for a command that was never issued yields nothing', () => {
  expect(run(report('succeeded'))).toEqual([])
})

test('a command that never left the node is expired at its expiry', () => {
  expect(run(issue, giveUp(at + 4_999, false))).toEqual(['CommandIssued'])
  expect(run(issue, giveUp(at + 5_000, false))).toEqual(['CommandIssued', 'CommandExpired'])
})

test('a command that may have reached the agent is unknown, and only 20 s after its expiry', () => {
  expect(run(issue, giveUp(at + 5_000, true))).toEqual(['CommandIssued'])
  expect(run(issue, giveUp(at + 5_000 + outcomeGraceMs, true))).toEqual([
    'CommandIssued',
    'CommandUnknown',
  ])
  expect(run(issue, report('delivered'), giveUp(at + 5_000 + outcomeGraceMs, false))).toContain(
    'CommandUnknown',
  )
})

test('what is learned after the end is its own fact, once', () => {
  const late = report('succeeded', { confirmed: true })
  expect(run(issue, giveUp(at + 60_000, true), late, late)).toEqual([
    'CommandIssued',
    'CommandUnknown',
    'CommandOutcomeLearned',
  ])
})

test('whatever is reported in whatever order, a command has at most one terminal fact and never goes back', () => {
  const terminal = [
    'CommandSucceeded',
    'CommandFailed',
    'CommandRefused',
    'CommandExpired',
    'CommandUnknown',
  ]
  const intents = fc.array(
    fc.oneof(
      fc
        .constantFrom(
          ...([
            'delivered',
            'running',
            'succeeded',
            'failed',
            'refused',
            'expired',
            'unknown',
          ] as const),
        )
        .map((s) => report(s)),
      fc
        .record({ late: fc.nat(60_000), handedOver: fc.boolean() })
        .map((g) => giveUp(at + g.late, g.handedOver)),
    ),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(intents, (more) => {
      const types = run(issue, ...more)
      expect(types.filter((type) => terminal.includes(type)).length).toBeLessThanOrEqual(1)
      const end = types.findIndex((type) => terminal.includes(type))
      if (end >= 0)
        expect(types.slice(end + 1).every((type) => type === 'CommandOutcomeLearned')).toBe(true)
    }),
  )
})
