import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import type { Row } from './lists.ts'
import { type Facts, type Release, readPassages, turnName } from './passages.ts'

const now = 1_000_000_000
const seconds = 900_000
const facts: Facts = { gateway: 'clockwise', releaseMs: 10_000, aheadMs: 0, now }
const commandId = newId()

const event = (type: string, at = seconds, id = 1): Row => ({
  ...{ id: String(id), seconds: at, event: 'catra', type },
})
const log = (code: unknown, at = seconds, userId: unknown = 0, id = 1): Row => ({
  ...{ id: String(id), seconds: at, event: code, user_id: userId },
})
const read = (
  rows: { logs?: Row[]; events?: Row[] },
  before: Release[] = [],
  other: Partial<Facts> = {},
) =>
  readPassages({ access_logs: rows.logs ?? [], access_events: rows.events ?? [] }, before, {
    ...facts,
    ...other,
  })

test.each([
  ['TURN_RIGHT', 'clockwise', 'clockwise', 'entry'],
  ['TURN LEFT', 'clockwise', 'anticlockwise', 'exit'],
  ['EVENT_TURN_LEFT', 'anticlockwise', 'anticlockwise', 'entry'],
  ['turn right', 'anticlockwise', 'clockwise', 'exit'],
])('%s with the gateway %s is %s: %s', (type, gateway, direction, way) => {
  const { passages } = read({ events: [event(type)] }, [], { gateway })
  expect(passages).toMatchObject([{ outcome: 'passed', direction, way }])
})

test('a gateway that is not known leaves entry and exit open', () => {
  for (const gateway of [undefined, 'both', '']) {
    const [passage] = read({ events: [event('TURN_LEFT')] }, [], { gateway }).passages
    expect(passage).not.toHaveProperty('way')
  }
})

test('what is neither a turn nor a give-up is nothing', () => {
  const door: Row = { ...event('OPEN'), event: 'door' }
  expect(
    read({ events: [door, event('SPIN'), { ...event('TURN_LEFT'), event: 'secbox' }] }),
  ).toEqual({ passages: [], releases: [] })
  expect(turnName(undefined)).toBe('UNDEFINED')
})

test.each([
  [1, 'invalid'],
  [2, 'invalid'],
  ['3', 'not-identified'],
  [5, 'timed-out'],
  ['6', 'denied'],
])('the log code %s is a denial: %s', (code, reason) => {
  expect(read({ logs: [log(code, seconds, '42')] }).passages).toEqual([
    {
      ...{ outcome: 'denied', reason, userId: '42', key: `access_logs:1@${seconds}` },
      ...{ deviceAt: seconds * 1000, agentAt: seconds * 1000 },
    },
  ])
})

test('the key is of the row, not of the reading: the same row at another time is the same passage', () => {
  const keyOf = (other: Partial<Facts>) =>
    read({ events: [event('GIVE_UP')] }, [], other).passages[0]?.key
  expect(keyOf({})).toBe(`access_events:1@${seconds}`)
  expect(keyOf({ now: now + 5, aheadMs: 99_000, gateway: 'x' })).toBe(keyOf({}))
})

test.each([
  ['just before the turn', seconds * 1000 - 1_000, true],
  ['in the same second, by our clock a little after', seconds * 1000 + 1_000, true],
  ['at the end of its time', seconds * 1000 - 10_000, true],
  ['long before', seconds * 1000 - 15_000, false],
  ['after the turn', seconds * 1000 + 5_000, false],
])('a command %s: the passage is its own: %s', (_, at, isOwn) => {
  const { passages, releases } = read({ events: [event('TURN_LEFT')] }, [{ at, commandId }])
  expect(passages[0]).toMatchObject(isOwn ? { commandId } : {})
  expect('commandId' in (passages[0] ?? {})).toBe(isOwn)
  expect(releases).toHaveLength(isOwn ? 0 : 1)
})

test('one release lets one person through', () => {
  const events = [event('TURN_LEFT', seconds, 1), event('TURN_LEFT', seconds + 1, 2)]
  const { passages } = read({ events }, [{ at: seconds * 1000 - 500, commandId }])
  expect(passages.map((one) => 'commandId' in one)).toEqual([true, false])
})

test('a card after the command takes the passage, and names its person', () => {
  const logs = [log(7, seconds + 3, 42)]
  const events = [event('TURN_RIGHT', seconds + 4)]
  const { passages } = read({ logs, events }, [{ at: seconds * 1000, commandId }])
  expect(passages).toMatchObject([{ outcome: 'passed', userId: '42' }])
  expect(passages[0]).not.toHaveProperty('commandId')
})

test('an opening on the device’s own page is no command’s passage either', () => {
  const logs = [log(12, seconds + 3)]
  const { passages } = read({ logs, events: [event('TURN_RIGHT', seconds + 4)] }, [
    { at: seconds * 1000, commandId },
  ])
  expect(passages[0]).not.toHaveProperty('commandId')
})

test('several cards in one second keep their order', () => {
  const logs = [log(7, seconds, 11, 1), log(7, seconds, 12, 2), log(7, seconds + 1, 13, 3)]
  const events = [1, 2, 3].map((id) => event('TURN_RIGHT', id === 3 ? seconds + 1 : seconds, id))
  expect(read({ logs, events }).passages.map((one) => 'userId' in one && one.userId)).toEqual([
    ...['11', '12', '13'],
  ])
})

test('a wrong clock of the device: both times are told, and the command is still found', () => {
  const aheadMs = 7_200_000
  const { passages } = read(
    { events: [event('TURN_LEFT', seconds + 7_200)] },
    [{ at: seconds * 1000 - 800, commandId }],
    { aheadMs },
  )
  expect(passages).toMatchObject([
    { deviceAt: seconds * 1000 + aheadMs, agentAt: seconds * 1000, commandId },
  ])
})

test('a time that makes no sense is not told, and no time lies in the future', () => {
  const [senseless] = read({ events: [event('GIVE_UP', 0)] }).passages
  expect(senseless).toEqual({ outcome: 'gave-up', key: 'access_events:1@0', agentAt: now })
  const [early] = read({ events: [event('GIVE_UP', now)] }).passages
  expect(early?.agentAt).toBe(now)
})

test('releases that nobody uses are kept within a bound', () => {
  const logs = Array.from({ length: 500 }, (_, id) => log(7, seconds + id, id, id))
  expect(read({ logs }).releases.length).toBeLessThanOrEqual(100)
})
