import { commandCatalog, commandNames } from '@travessia/schemas/commands'
import type { CommandFact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { approvalMs, needsSecondPerson } from './approval.ts'
import { type CommandIntent, type CommandState, command } from './command.ts'
import { policy } from './policy.ts'

const at = Date.parse('2026-11-24T12:00:00Z')
const [asker, second, third] = [newId(), newId(), newId()]
const order = { command: 'RebootDevice', args: {}, safety: 'dangerous', seq: 1 } as const
const lapsesAt = at + approvalMs
const hold: CommandIntent = {
  type: 'HoldCommand',
  held: {
    ...{ ...order, idempotencyKey: '', requestedBy: asker, expiresInMs: 10_000 },
    lapsesAt: new Date(lapsesAt).toISOString(),
  },
}
const approve = (userId: string, now = at + 1): CommandIntent => ({
  ...{ type: 'ApproveCommand', userId, now },
  issued: { ...order, idempotencyKey: '', expiresAt: new Date(now + 10_000).toISOString() },
})
const reject = (now = at + 1): CommandIntent => ({ type: 'RejectCommand', now })
const lapse = (now: number): CommandIntent => ({ type: 'LapseCommand', now })
const report: CommandIntent = {
  type: 'ReportCommand',
  report: { kind: 'command', commandId: 'c', status: 'succeeded', at },
}
const giveUp: CommandIntent = { type: 'GiveUpCommand', now: at + 10 * approvalMs, handedOver: true }

function stateAfter(...intents: CommandIntent[]): CommandState {
  return intents.reduce(
    (state, intent) => command.decide(intent, state).reduce(command.evolve, state),
    command.initialState,
  )
}
function typesOf(...intents: CommandIntent[]): string[] {
  const last = intents.pop() as CommandIntent
  return command.decide(last, stateAfter(...intents)).map(({ type }: CommandFact) => type)
}
const code = (wanted: string) => expect.objectContaining({ code: wanted })

test('a held command waits, and is issued in the same append as the second person’s yes', () => {
  expect(stateAfter(hold)).toMatchObject({ status: 'awaiting', expiresAt: lapsesAt })
  expect(typesOf(hold, approve(second))).toEqual(['CommandApproved', 'CommandIssued'])
  expect(stateAfter(hold, approve(second))).toMatchObject({ status: 'issued' })
})

test('whoever asked cannot approve, not even what another has approved', () => {
  expect(() => typesOf(hold, approve(asker))).toThrow(code('APPROVAL_BY_REQUESTER'))
  expect(() => typesOf(hold, approve(second), approve(asker))).toThrow(
    code('APPROVAL_BY_REQUESTER'),
  )
})

test('approved once more, by the same or a third person, nothing happens', () => {
  expect(typesOf(hold, approve(second), approve(second))).toEqual([])
  expect(typesOf(hold, approve(second), approve(third))).toEqual([])
  expect(typesOf(hold, approve(second), report, approve(second))).toEqual([])
})

test('time counts from the approval, and an approval after the window is refused', () => {
  const late = at + approvalMs - 1
  expect(stateAfter(hold, approve(second, late))).toMatchObject({ expiresAt: late + 10_000 })
  expect(() => typesOf(hold, approve(second, lapsesAt))).toThrow(code('APPROVAL_LAPSED'))
})

test('it lapses at the end of the window, not before, and then for good', () => {
  expect(typesOf(hold, lapse(lapsesAt - 1))).toEqual([])
  expect(typesOf(hold, lapse(lapsesAt))).toEqual(['CommandLapsed'])
  expect(stateAfter(hold, lapse(lapsesAt))).toMatchObject({ status: 'expired' })
  expect(typesOf(hold, lapse(lapsesAt), lapse(lapsesAt))).toEqual([])
  // By a clock that was set back.
  expect(() => typesOf(hold, lapse(lapsesAt), approve(second))).toThrow(code('APPROVAL_LAPSED'))
  expect(() => typesOf(hold, lapse(lapsesAt), reject())).toThrow(code('APPROVAL_LAPSED'))
  expect(typesOf(hold, approve(second), lapse(lapsesAt))).toEqual([])
})

test('rejected it is refused for good; approved it can no longer be rejected', () => {
  expect(typesOf(hold, reject())).toEqual(['CommandRejected'])
  expect(stateAfter(hold, reject())).toMatchObject({ status: 'refused' })
  expect(typesOf(hold, reject(), reject())).toEqual([])
  expect(() => typesOf(hold, reject(), approve(second))).toThrow(code('APPROVAL_REJECTED'))
  expect(() => typesOf(hold, approve(second), reject())).toThrow(code('CONFLICT'))
})

test('what an agent says of a command that was never approved is no fact, and it is not given up', () => {
  for (const end of [[], [reject()], [lapse(lapsesAt)]]) {
    expect(typesOf(hold, ...end, report)).toEqual([])
    expect(typesOf(hold, ...end, giveUp)).toEqual([])
  }
  expect(typesOf(hold, approve(second), report)).toEqual(['CommandSucceeded'])
})

test('refused while offline: at the request without waiting, at the approval after it', () => {
  const refusal = 'AGENT_OFFLINE'
  expect(typesOf({ ...hold, refusal } as CommandIntent)).toEqual(['CommandHeld', 'CommandRefused'])
  const refused = typesOf(hold, { ...approve(second), refusal } as CommandIntent)
  expect(refused).toEqual(['CommandApproved', 'CommandIssued', 'CommandRefused'])
  expect(() => typesOf({ ...hold, refusal } as CommandIntent, approve(second))).toThrow(
    code('CONFLICT'),
  )
})

test('whatever is tried in whatever order, it is issued at most once, after exactly one approval by another', () => {
  const intent = fc.oneof(
    fc
      .record({ who: fc.constantFrom(asker, second, third), ms: fc.nat(2 * approvalMs) })
      .map(({ who, ms }) => approve(who, at + ms)),
    fc.nat(2 * approvalMs).map((ms) => reject(at + ms)),
    fc.nat(2 * approvalMs).map((ms) => lapse(at + ms)),
    fc.constant(report),
    fc.constant(giveUp),
  )
  fc.assert(
    fc.property(fc.array(intent, { maxLength: 12 }), (intents) => {
      let state = stateAfter(hold)
      const seen: string[] = []
      for (const one of intents) {
        let facts: readonly CommandFact[] = []
        try {
          facts = command.decide(one, state)
        } catch {
          continue
        }
        if (facts.some(({ type }) => type === 'CommandApproved'))
          expect(one).toMatchObject({ userId: expect.not.stringMatching(asker) })
        seen.push(...facts.map(({ type }) => type))
        state = facts.reduce(command.evolve, state)
      }
      const ends = seen.filter((t) => /Approved|Rejected|Lapsed/.test(t))
      expect(ends.length).toBeLessThanOrEqual(1)
      const isSent = seen.some((t) => /Issued|Succeeded|Unknown/.test(t))
      expect(isSent).toBe(ends[0] === 'CommandApproved')
    }),
  )
})

test('a rule covers its classes and its devices, and never an emergency stop', () => {
  const [gate, printer] = [newId(), newId()]
  const needs = (rule: Partial<Parameters<typeof needsSecondPerson>[0]>, deviceId: string) =>
    commandNames.filter((name) =>
      needsSecondPerson(
        { safety: [], deviceIds: [], ...rule },
        { command: name, safety: commandCatalog[name].safety, deviceId },
      ),
    )
  expect(needs({}, gate)).toEqual([])
  expect(needs({ safety: ['dangerous'] }, gate)).toEqual(['RebootDevice'])
  expect(needs({ deviceIds: [gate] }, printer)).toEqual([])
  const all = commandNames.filter((name) => name !== 'EmergencyStop')
  expect(needs({ deviceIds: [gate] }, gate)).toEqual(all)
  expect(needs({ safety: ['physical'] }, gate)).not.toContain('EmergencyStop')
})

test('a policy that says what already holds is no fact', () => {
  const wanted = { safety: ['dangerous' as const], deviceIds: [] }
  const [fact] = policy.decide({ type: 'ChangePolicy', secondPerson: wanted }, policy.initialState)
  if (!fact) throw new TypeError('nothing decided')
  const state = policy.evolve(policy.initialState, fact)
  expect(state).toEqual({ secondPerson: wanted })
  expect(policy.decide({ type: 'ChangePolicy', secondPerson: wanted }, state)).toEqual([])
})
