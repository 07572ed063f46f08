import type { FeedFact } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { feed } from './feed.ts'

const fields = { name: 'SIEM', kind: 'webhook', host: 'siem.example' } as const
const added: FeedFact = { type: 'AuditFeedAdded', data: fields }
const removed: FeedFact = { type: 'AuditFeedRemoved', data: {} }
const failing = { type: 'ReportFailing', errorCode: 'FEED_REFUSED', position: 3 } as const
const after = (...facts: FeedFact[]) => facts.reduce(feed.evolve, feed.initialState)
const coded = (code: string) => expect.objectContaining({ code })

test('a feed is added once, changed, and removed', () => {
  expect(feed.decide({ type: 'AddFeed', ...fields }, after())).toEqual([added])
  const change = { ...fields, name: 'Outro', isEnabled: false }
  expect(feed.decide({ type: 'ChangeFeed', ...change }, after(added))).toEqual([
    { type: 'AuditFeedChanged', data: change },
  ])
  expect(feed.decide({ type: 'RemoveFeed' }, after(added))).toEqual([removed])
  expect(() => feed.decide({ type: 'AddFeed', ...fields }, after(added))).toThrow(coded('CONFLICT'))
})

test('a webhook stays one: its secret is of no use to syslog', () => {
  const change = { type: 'ChangeFeed', ...fields, kind: 'syslog', isEnabled: true } as const
  expect(() => feed.decide(change, after(added))).toThrow(coded('FEED_ADDRESS'))
})

test('a test is an event of its own, while the feed is not suspended', () => {
  expect(feed.decide({ type: 'TestFeed' }, after(added))).toEqual([
    { type: 'AuditFeedTested', data: {} },
  ])
  const change = { ...fields, isEnabled: false }
  const suspended = after(added, { type: 'AuditFeedChanged', data: change })
  expect(() => feed.decide({ type: 'TestFeed' }, suspended)).toThrow(coded('CONFLICT'))
  expect(feed.decide({ type: 'ChangeFeed', ...change }, suspended)).toHaveLength(1)
  expect(feed.decide({ type: 'RemoveFeed' }, suspended)).toEqual([removed])
})

test('what was removed, or never was, is not changed, not removed and does not fail', () => {
  for (const state of [after(), after(added, removed)]) {
    expect(() => feed.decide({ type: 'RemoveFeed' }, state)).toThrow(coded('NOT_FOUND'))
    const change = { type: 'ChangeFeed', ...fields, isEnabled: true } as const
    expect(() => feed.decide(change, state)).toThrow(coded('NOT_FOUND'))
    expect(() => feed.decide({ type: 'TestFeed' }, state)).toThrow(coded('NOT_FOUND'))
    expect(feed.decide(failing, state)).toEqual([])
  }
  expect(feed.decide(failing, after(added))).toEqual([
    { type: 'AuditFeedFailing', data: { errorCode: 'FEED_REFUSED', position: 3 } },
  ])
})
