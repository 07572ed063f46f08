/**
 * What the rows of a Control iD device mean. A turn or a give-up belongs to what released the arm
 * last before it: a command of ours, a card that was let in, or somebody who is not known.
 */
import type { Passage } from '@travessia/schemas/passages'
import { idOf } from '../answers.ts'
import { cursorOf, type Row } from './lists.ts'

/** Between our clock and what we know of the device's, which speaks in whole seconds. */
const slackMs = 1_500
export const maxReleases = 100
const maxTime = 253_402_300_799

export type Release = {
  /** By our clock. */
  readonly at: number
  /** By the device's, for what it has written itself. */
  readonly deviceAt?: number
  readonly commandId?: string
  readonly userId?: string
}
export type Facts = {
  /** Rotation that is the entry (`catra.gateway`); undefined: not known. */
  readonly gateway: string | undefined
  /** How long the arm stays released (`general.catra_timeout`). */
  readonly releaseMs: number
  /** How far the device's clock is ahead of ours; undefined: not known. */
  readonly aheadMs: number | undefined
  readonly now: number
}
type Rows = { readonly access_logs: readonly Row[]; readonly access_events: readonly Row[] }
type Read = { readonly passages: Passage[]; readonly releases: readonly Release[] }
type Turned = Extract<Passage, { outcome: 'passed' | 'gave-up' }>

const turns = { TURN_LEFT: 'anticlockwise', TURN_RIGHT: 'clockwise' } as const
/** Events of access_logs. */
const denials: Readonly<Record<string, Extract<Passage, { outcome: 'denied' }>['reason']>> = {
  ...{ 1: 'invalid', 2: 'invalid', 3: 'not-identified', 5: 'timed-out', 6: 'denied' },
}
/** Let in by the device, by the push button, from its own page. Code 10, by the API, is a command of ours. */
const letIn: ReadonlySet<string> = new Set(['7', '11', '12'])

/** @param releases those that nobody has used yet, also from earlier rows */
export function readPassages(rows: Rows, before: readonly Release[], facts: Facts): Read {
  const opened = rows.access_logs.filter((row) => letIn.has(String(row['event'])))
  let releases: readonly Release[] = [
    ...before,
    ...opened.map((row) => ({ ...releaseOf(row, facts), ...userOf(row) })),
  ]
    .sort((one, other) => one.at - other.at)
    .slice(-maxReleases)
  const passages: Passage[] = rows.access_logs.flatMap((row) => denialOf(row, facts))
  for (const row of rows.access_events) {
    const turned = turnOf(row, facts)
    if (!turned) continue
    const release = releaseFor(turned, releases, facts.releaseMs)
    // Those before it were overtaken by it.
    if (release) releases = releases.slice(releases.indexOf(release) + 1)
    const { commandId, userId } = release ?? {}
    passages.push({
      ...turned,
      ...(commandId === undefined ? {} : { commandId }),
      ...(userId === undefined ? {} : { userId }),
    })
  }
  return { passages: passages.sort((one, other) => one.agentAt - other.agentAt), releases }
}

/** `TURN LEFT`, `EVENT_TURN_LEFT` and `TURN_LEFT` are the same. */
export function turnName(value: unknown): string {
  return String(value)
    .toUpperCase()
    .replaceAll(' ', '_')
    .replace(/^EVENT_/, '')
}

function turnOf(row: Row, facts: Facts): Turned | undefined {
  const name = turnName(row['type'])
  if (row['event'] !== 'catra') return undefined
  const common = { key: `access_events:${cursorOf(row)}`, ...momentOf(row, facts) }
  if (name === 'GIVE_UP') return { outcome: 'gave-up', ...common }
  if (name !== 'TURN_LEFT' && name !== 'TURN_RIGHT') return undefined
  const direction = turns[name]
  const { gateway } = facts
  const isKnown = gateway === 'clockwise' || gateway === 'anticlockwise'
  const way = isKnown ? ({ way: direction === gateway ? 'entry' : 'exit' } as const) : {}
  return { outcome: 'passed', direction, ...way, ...common }
}

function denialOf(row: Row, facts: Facts): Passage[] {
  const reason = denials[String(row['event'])]
  if (reason === undefined) return []
  const common = { key: `access_logs:${cursorOf(row)}`, ...momentOf(row, facts) }
  return [{ outcome: 'denied', reason, ...common, ...userOf(row) }]
}

/** The newest one that was open then; of several in the same second of the device, the first of them. */
function releaseFor(
  turned: Turned,
  releases: readonly Release[],
  releaseMs: number,
): Release | undefined {
  const open = releases.filter((release) => isOpenAt(turned, release, releaseMs))
  const newest = open.at(-1)
  if (newest?.deviceAt === undefined) return newest
  return open.find(({ deviceAt }) => deviceAt === newest.deviceAt)
}

/** What the device wrote is compared by its own clock, whatever it shows. */
function isOpenAt(turned: Turned, { at, deviceAt }: Release, releaseMs: number): boolean {
  const isByDevice = deviceAt !== undefined && turned.deviceAt !== undefined
  const passedMs = isByDevice ? Number(turned.deviceAt) - deviceAt : turned.agentAt - at
  return passedMs >= (isByDevice ? 0 : -slackMs) && passedMs <= releaseMs + slackMs
}

function releaseOf(row: Row, facts: Facts): Release {
  const { agentAt, ...device } = momentOf(row, facts)
  return { at: agentAt, ...device }
}

function userOf(row: Row): { userId?: string } {
  const userId = idOf(row['user_id'])
  return userId === undefined || userId === '0' ? {} : { userId }
}

function momentOf({ seconds }: Row, { aheadMs, now }: Facts) {
  const isSensible = seconds > 0 && seconds <= maxTime
  if (!isSensible) return { agentAt: now }
  const deviceAt = seconds * 1000
  // Read is later than happened, whatever the device's clock says.
  const agentAt =
    aheadMs === undefined ? now : Math.max(0, Math.min(now, deviceAt - Math.round(aheadMs)))
  return { deviceAt, agentAt }
}
