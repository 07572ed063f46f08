/** Compares what phones were told, what the log says and what the devices did. Pure. */
import type { Deed } from './device-plug.ts'

/** One intent of a manager: one key, however often it was sent. Times in ms since 1970. */
export type Tap = {
  readonly lane: number
  readonly key: string
  readonly direction: string
  readonly sentAt: number
  /** undefined: no answer at all. */
  answer: { readonly status: number; readonly commandId?: string } | undefined
  /** Ids that repeats of the same key were given. */
  readonly repeatedIds: string[]
}
export type Fact = {
  readonly type: string
  readonly streamId: string
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}
type LaneDeeds = {
  readonly lane: number
  readonly calls: readonly Deed[]
  readonly actions: readonly Deed[]
}
export type Check = { readonly title: string; readonly problems: readonly string[] }
/** The node was killed, until it was ready again. */
export type Outage = { readonly from: number; to: number }
export type Evidence = {
  readonly taps: readonly Tap[]
  readonly outages: readonly Outage[]
  readonly facts: readonly Fact[]
  readonly deeds: readonly LaneDeeds[]
}

const terminals = ['Succeeded', 'Failed', 'Refused', 'Expired', 'Unknown'].map((t) => `Command${t}`)
const terminalWithinMs = 30_000
const lateToleranceMs = 250
/** The simulator stamps its actions by the wall clock, in whole ms. */
const stampMs = 20

type Actors = Omit<Evidence, 'outages'>
type Case = {
  readonly tap: Tap
  readonly facts: readonly Fact[]
  readonly issued: Fact | undefined
  readonly ends: readonly Fact[]
  readonly calls: Deed[]
  readonly actions: Deed[]
}

export function judge({ taps, facts, deeds, outages }: Evidence): Check[] {
  const { cases, strays } = casesOf({ taps, facts, deeds })
  const check = (title: string, problemOf: (one: Case) => string | false | undefined): Check => ({
    title,
    problems: cases.flatMap((one) => {
      const problem = problemOf(one)
      return problem ? [`${one.tap.key} (lane ${one.tap.lane}): ${problem}`] : []
    }),
  })
  return [
    check('every tap had an answer', ({ tap }) => !tap.answer && 'none'),
    check('every 202 is in the log, issued once, under its key', missing),
    check('one key is one command, however often it is sent', ({ tap, issued }) => {
      const others = tap.repeatedIds.filter((id) => id !== issued?.streamId)
      return others.length > 0 && `also ${others.join(', ')}`
    }),
    check('every command has exactly one terminal state', ({ issued, ends }) => {
      return issued && ends.length !== 1 && `${ends.length}: ${ends.map(({ type }) => type)}`
    }),
    check('the terminal state is there 30 s of a running node after the expiry', (one) =>
      tooSlow(one, outages),
    ),
    check('no command was carried out twice', ({ actions }) => {
      return actions.length > 1 && `${actions.length} times`
    }),
    check('no call reached the device later than expiry + 250 ms', late),
    check('what succeeded was carried out', ({ ends, actions }) => {
      return ends[0]?.type === 'CommandSucceeded' && actions.length === 0 && 'not carried out'
    }),
    check('what failed, expired or was refused was not carried out', falselyDenied),
    check('what was learned later agrees with the device', wronglyLearned),
    { title: 'nothing happened at a device without a command in the log', problems: strays },
  ]
}

/** How the commands ended, for the table. */
export function outcomesOf(facts: readonly Fact[]): Record<string, number> {
  const ends = facts.filter(({ type }) => terminals.includes(type))
  const counted = Map.groupBy(ends, ({ type }) => type.replace('Command', '').toLowerCase())
  return Object.fromEntries([...counted].map(([name, all]) => [name, all.length]))
}

function casesOf({ taps, facts, deeds }: Actors): { cases: Case[]; strays: string[] } {
  const streams = Map.groupBy(facts, ({ streamId }) => streamId)
  const issued = facts.filter(({ type }) => type === 'CommandIssued')
  const byKey = new Map(issued.map((fact) => [fact.data['idempotencyKey'], fact]))
  const cases = taps.map((tap): Case => {
    const first = byKey.get(tap.key)
    const own = first ? (streams.get(first.streamId) ?? []) : []
    const ends = own.filter(({ type }) => terminals.includes(type))
    return { tap, facts: own, issued: first, ends, calls: [], actions: [] }
  })
  const owners = Map.groupBy(cases, ({ tap }) => `${tap.lane} ${tap.direction}`)
  const strays: string[] = []
  for (const { lane, calls, actions } of deeds)
    for (const [what, list] of [['calls', calls] as const, ['actions', actions] as const])
      for (const deed of list) {
        const owner = ownerOf(owners.get(`${lane} ${deed.direction}`) ?? [], deed)
        if (owner?.issued) owner[what].push(deed)
        else strays.push(`lane ${lane}: ${deed.direction} at ${new Date(deed.at).toISOString()}`)
      }
  return { cases, strays }
}

/**
 * The vendor's call carries no command id. But a lane sends its next command only after the last one has ended
 * or expired, and three neighbours never share a direction: a late or doubled deed falls to its own command.
 */
function ownerOf(candidates: readonly Case[], { at }: Deed): Case | undefined {
  return candidates.findLast(({ tap }) => tap.sentAt <= at + stampMs)
}

function missing({ tap, issued, facts }: Case): string | false {
  if (tap.answer?.status !== 202) return false
  if (issued?.streamId !== tap.answer.commandId) return `${tap.answer.commandId} is not in the log`
  const count = facts.filter(({ type }) => type === 'CommandIssued').length
  return count !== 1 && `issued ${count} times`
}

function tooSlow({ issued, ends }: Case, outages: readonly Outage[]): string | false {
  const end = ends[0]
  if (!issued || !end) return false
  const [expiry, endedAt] = [expiryOf(issued), Date.parse(end.at)]
  const downMs = outages.map(({ from, to }) =>
    Math.max(0, Math.min(to, endedAt) - Math.max(from, expiry)),
  )
  const upMs = downMs.reduce((left, ms) => left - ms, endedAt - expiry)
  return upMs > terminalWithinMs && `${Math.round(upMs)} ms after the expiry`
}

function late({ issued, calls }: Case): string | false {
  if (!issued) return false
  const afterMs = Math.max(...calls.map(({ at }) => at - expiryOf(issued)))
  return afterMs > lateToleranceMs && `${Math.round(afterMs)} ms after the expiry`
}

const deniedTypes = ['CommandFailed', 'CommandExpired', 'CommandRefused']

function falselyDenied({ ends, actions }: Case): string | false {
  const type = ends[0]?.type ?? ''
  return deniedTypes.includes(type) && actions.length > 0 && `${type}, but it was carried out`
}

function wronglyLearned({ facts, actions }: Case): string | false {
  const outcome = facts.findLast(({ type }) => type === 'CommandOutcomeLearned')?.data['outcome']
  if (outcome === undefined || outcome === 'unknown') return false
  const isDone = actions.length > 0
  return (outcome === 'succeeded') !== isDone && `learned ${outcome}, carried out: ${isDone}`
}

function expiryOf({ data }: Fact): number {
  return Date.parse(String(data['expiresAt']))
}
