import { expect, test } from 'vitest'
import { type Evidence, type Fact, judge, outcomesOf, type Tap } from './judge.ts'

const t0 = Date.parse('2026-01-01T00:00:00Z')
const at = (ms: number) => new Date(t0 + ms).toISOString()

function tap(n: number, direction: string, more: Partial<Tap> = {}): Tap {
  const answer = { status: 202, commandId: `c${n}` }
  return {
    lane: 0,
    key: `k${n}`,
    direction,
    sentAt: t0 + n * 1_000,
    answer,
    repeatedIds: [],
    ...more,
  }
}

function fact(n: number, type: string, ms: number, data: Fact['data'] = {}): Fact {
  return { type, streamId: `c${n}`, at: at(n * 1_000 + ms), data }
}

function issued(n: number): Fact {
  return fact(n, 'CommandIssued', 1, { idempotencyKey: `k${n}`, expiresAt: at(n * 1_000 + 500) })
}

function deed(n: number, ms: number, direction: string) {
  return { at: t0 + n * 1_000 + ms, direction }
}

/** Two commands as they should be. */
function fine(): Omit<Evidence, 'taps' | 'facts'> & { taps: Tap[]; facts: Fact[] } {
  const done = [deed(1, 10, 'clockwise'), deed(2, 10, 'both')]
  return {
    taps: [tap(1, 'clockwise'), tap(2, 'both')],
    facts: [1, 2].flatMap((n) => [issued(n), fact(n, 'CommandSucceeded', 20)]),
    deeds: [{ lane: 0, calls: done, actions: done }],
    outages: [],
  }
}

function broken(evidence: Evidence): string[] {
  return judge(evidence).flatMap(({ title, problems }) => (problems.length > 0 ? [title] : []))
}

const double = 'no command was carried out twice'
const stray = 'nothing happened at a device without a command in the log'
const notLater = 'no call reached the device later than expiry + 250 ms'

test('the judge finds nothing where log and device agree', () => {
  expect(broken(fine())).toEqual([])
  expect(outcomesOf(fine().facts)).toEqual({ succeeded: 2 })
})

test.each([
  [
    'a tap without an answer',
    'every tap had an answer',
    [tap(1, 'clockwise', { answer: undefined })],
  ],
  [
    'a 202 whose command the log does not know',
    'every 202 is in the log, issued once, under its key',
    [tap(1, 'clockwise', { answer: { status: 202, commandId: 'c9' } })],
  ],
  [
    'a repeated key that was given another command',
    'one key is one command, however often it is sent',
    [tap(1, 'clockwise', { repeatedIds: ['c1', 'c9'] })],
  ],
])('the judge names %s', (_what, title, [changed]) => {
  const { taps, ...rest } = fine()
  expect(broken({ ...rest, taps: [...(changed ? [changed] : []), ...taps.slice(1)] })).toEqual([
    title,
  ])
})

test.each([
  ['no', []],
  ['a second', [fact(1, 'CommandSucceeded', 20), fact(1, 'CommandUnknown', 30)]],
])('the judge names a command with %s terminal state', (_what, ends) => {
  const { facts, ...rest } = fine()
  const changed = [issued(1), ...ends, ...facts.slice(2)]
  const title = 'every command has exactly one terminal state'
  expect(broken({ ...rest, facts: changed })).toEqual([title])
})

test('the judge names a terminal state that came more than 30 s of a running node after the expiry', () => {
  const { facts, ...rest } = fine()
  const changed = [issued(1), fact(1, 'CommandSucceeded', 30_600), ...facts.slice(2)]
  const title = 'the terminal state is there 30 s of a running node after the expiry'
  expect(broken({ ...rest, facts: changed })).toEqual([title])
  const outages = [{ from: t0 + 20_000, to: t0 + 20_200 }]
  expect(broken({ ...rest, facts: changed, outages })).toEqual([])
})

test('the judge names a command carried out twice, also when the second time is after the next command', () => {
  const { deeds, ...rest } = fine()
  for (const again of [deed(1, 30, 'clockwise'), deed(2, 30, 'clockwise')]) {
    const changed = deeds.map((lane) => ({ ...lane, actions: [...lane.actions, again] }))
    expect(broken({ ...rest, deeds: changed })).toEqual([double])
  }
})

test('the judge names a call that reaches the device late, also after the next command', () => {
  const { deeds, ...rest } = fine()
  for (const late of [deed(1, 760, 'clockwise'), deed(2, 5, 'clockwise')]) {
    const changed = deeds.map((lane) => ({ ...lane, calls: [late, ...lane.calls.slice(1)] }))
    expect(broken({ ...rest, deeds: changed })).toEqual([notLater])
  }
})

test('the judge takes a call within 250 ms after the expiry for measuring tolerance', () => {
  const { deeds, ...rest } = fine()
  const changed = deeds.map((lane) => ({ ...lane, calls: [deed(1, 740, 'clockwise')] }))
  expect(broken({ ...rest, deeds: changed })).toEqual([])
})

test('the judge names a success without a deed, and a refusal, failure or expiry with one', () => {
  const { facts, deeds, ...rest } = fine()
  const none = deeds.map((lane) => ({ ...lane, actions: lane.actions.slice(1) }))
  expect(broken({ ...rest, facts, deeds: none })).toEqual(['what succeeded was carried out'])
  for (const type of ['CommandFailed', 'CommandRefused', 'CommandExpired']) {
    const changed = [issued(1), fact(1, type, 20), ...facts.slice(2)]
    const title = 'what failed, expired or was refused was not carried out'
    expect(broken({ ...rest, facts: changed, deeds })).toEqual([title])
  }
})

test('an unknown command may have been carried out or not; what is learned later must be true', () => {
  const { facts, deeds, ...rest } = fine()
  const unknown = [issued(1), fact(1, 'CommandUnknown', 20_500), ...facts.slice(2)]
  const none = deeds.map((lane) => ({ ...lane, actions: lane.actions.slice(1) }))
  expect(broken({ ...rest, facts: unknown, deeds })).toEqual([])
  expect(broken({ ...rest, facts: unknown, deeds: none })).toEqual([])
  const learned = [...unknown, fact(1, 'CommandOutcomeLearned', 21_000, { outcome: 'succeeded' })]
  expect(broken({ ...rest, facts: learned, deeds })).toEqual([])
  const title = 'what was learned later agrees with the device'
  expect(broken({ ...rest, facts: learned, deeds: none })).toEqual([title])
})

test('the judge names what a device did though nobody had asked', () => {
  const { deeds, ...rest } = fine()
  const early = deed(0, 0, 'clockwise')
  const other = deed(1, 10, 'anticlockwise')
  for (const unasked of [early, other]) {
    const changed = deeds.map((lane) => ({ ...lane, actions: [...lane.actions, unasked] }))
    expect(broken({ ...rest, deeds: changed })).toEqual([stray])
  }
})
