import type { DiscoveryOrder, DiscoveryReport, Suggestion } from '@travessia/schemas/discovery'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { eventually, serverKey, silent } from '../fixtures.ts'
import { Discovery, pauseMs, refusalOf } from './discovery.ts'

const moment = {
  ...{ expiresAt: 1_000, now: 999, isPaused: false },
  sinceLastMs: Number.POSITIVE_INFINITY,
}

test.each([
  ['in time', {}, undefined],
  ['after its expiry', { now: 1_000 }, 'COMMAND_EXPIRED'],
  ['without knowing the time', { now: undefined }, 'CLOCK_UNKNOWN'],
  ['paused on site', { isPaused: true }, 'AGENT_PAUSED'],
  ['again too soon', { sinceLastMs: pauseMs - 1 }, 'RATE_LIMITED'],
  ['again after the pause', { sinceLastMs: pauseMs }, undefined],
])('an agent that is asked %s: %o ends as %s', (_when, change, refusal) => {
  expect(refusalOf({ ...moment, ...change })).toBe(refusal)
})

const found: Suggestion = {
  ...{ name: 'Prusa', kind: 'printer', driver: 'octoprint' },
  ...{ baseUrl: 'http://10.0.0.1', via: 'mdns' },
}

async function setUp({ isPaused = false } = {}) {
  const key = await serverKey()
  const agent = { tenantId: newId(), agentId: newId() }
  const reports: DiscoveryReport[] = []
  let searches = 0
  const discovery = new Discovery({
    ...{ agent, serverKeys: [key.jwk], isPaused: () => isPaused, log: silent },
    clock: { now: () => Date.now(), sync: async () => Date.now() },
    search: async () => {
      searches += 1
      return [found]
    },
    report: async (report) => {
      reports.push(report)
      return true
    },
  })
  const order = (change: Partial<DiscoveryOrder> = {}): DiscoveryOrder => ({
    ...{ id: newId(), ...agent, expiresAt: Date.now() + 5_000, ...change },
  })
  return { discovery, order, reports, sign: key.sign, searches: () => searches }
}

test('a signed order is obeyed and reported once, though it arrives twice', async () => {
  const { discovery, order, reports, sign, searches } = await setUp()
  const one = order()
  const jws = await sign(one, 'discover')
  await discovery.receive(jws)
  await discovery.receive(jws)
  await eventually(() =>
    expect(reports).toEqual([{ kind: 'discovery', discoveryId: one.id, suggestions: [found] }]),
  )
  expect(searches()).toBe(1)
})

test('a second order too soon is refused by the agent itself, whatever the server allows', async () => {
  const { discovery, order, reports, sign, searches } = await setUp()
  await discovery.receive(await sign(order(), 'discover'))
  await eventually(() => expect(reports).toHaveLength(1))
  await discovery.receive(await sign(order(), 'discover'))
  await eventually(() => expect(reports[1]).toMatchObject({ errorCode: 'RATE_LIMITED' }))
  expect(searches()).toBe(1)
})

test('paused on site it asks nothing of the network', async () => {
  const { discovery, order, reports, sign, searches } = await setUp({ isPaused: true })
  await discovery.receive(await sign(order(), 'discover'))
  await eventually(() => expect(reports[0]).toMatchObject({ errorCode: 'AGENT_PAUSED' }))
  expect(searches()).toBe(0)
})

test('what another key signed, for another agent, as another kind, or out of form is no order', async () => {
  const { discovery, order, reports, sign, searches } = await setUp()
  const stranger = await serverKey()
  const refused = [
    await stranger.sign(order(), 'discover'),
    await sign(order({ agentId: newId() }), 'discover'),
    await sign(order({ tenantId: newId() }), 'discover'),
    await sign(order(), 'command'),
    await sign({ ...order(), more: 1 }, 'discover'),
  ]
  for (const jws of refused) await expect(discovery.receive(jws)).rejects.toThrow()
  expect([reports, searches()]).toEqual([[], 0])
})
