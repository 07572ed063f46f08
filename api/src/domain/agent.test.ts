import type { AgentFact } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { type AgentIntent, type AgentState, agent } from './agent.ts'

const enroll: AgentIntent = {
  type: 'EnrollAgent',
  enrolled: { name: 'Portaria', hostname: 'pi', version: '1', ip: '192.0.2.1', keyThumbprint: 'x' },
}
const connect: AgentIntent = {
  type: 'ConnectAgent',
  connected: { version: '1', ip: '192.0.2.1', bootId: 'b', hostname: 'pi' },
}
const lost: AgentIntent = { type: 'DisconnectAgent', reason: 'connection-lost' }
const revoke: AgentIntent = { type: 'RevokeAgent', reason: 'user' }

function run(...intents: AgentIntent[]): string[] {
  let state: AgentState = agent.initialState
  return intents.flatMap((intent) => {
    const facts: readonly AgentFact[] = agent.decide(intent, state)
    state = facts.reduce(agent.evolve, state)
    return facts.map((fact) => fact.type)
  })
}

test('each heartbeat after the first and each second loss yields nothing', () => {
  expect(run(enroll, connect, connect, lost, lost, connect)).toEqual([
    'AgentEnrolled',
    'AgentConnected',
    'AgentDisconnected',
    'AgentConnected',
  ])
})

test('an agent that was never enrolled cannot connect', () => {
  expect(run(connect)).toEqual([])
})

test('a revoked agent is disconnected first and can do nothing afterwards', () => {
  expect(run(enroll, connect, revoke, connect, lost)).toEqual([
    'AgentEnrolled',
    'AgentConnected',
    'AgentDisconnected',
    'AgentRevoked',
  ])
  expect(() => run(enroll, revoke, revoke)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})

test('a pause on site is a fact once, its end too, and only of an agent that is connected', () => {
  const paused = { type: 'ReportPause', paused: {} } as const
  const goesOn = { type: 'ReportPause', paused: undefined } as const
  const online = { status: 'online' } as const
  expect(agent.decide(paused, { status: 'offline' })).toEqual([])
  expect(agent.decide(goesOn, online)).toEqual([])
  const facts = agent.decide(paused, online)
  expect(facts).toEqual([{ type: 'AgentPaused', data: {} }])
  const after = facts.reduce(agent.evolve, online)
  expect(agent.decide(paused, after)).toEqual([])
  expect(agent.decide(goesOn, after)).toEqual([{ type: 'AgentResumed', data: {} }])
})

test('a search has a pause of 30 s after it, and is finished once, by its own id', () => {
  const at = Date.parse('2026-11-25T03:00:00Z')
  const request = (discoveryId: string, now: number) =>
    ({ type: 'RequestDiscovery', discoveryId, now }) as const
  const finish = (discoveryId: string, found = 2) =>
    ({ type: 'FinishDiscovery', finished: { discoveryId, found } }) as const
  const after = (state: AgentState, intent: AgentIntent) =>
    agent.decide(intent, state).reduce(agent.evolve, state)
  const online: AgentState = { status: 'online' }
  expect(agent.decide(request('a', at), online)).toEqual([
    {
      ...{ type: 'DiscoveryRequested' },
      data: { discoveryId: 'a', againAt: '2026-11-25T03:00:30.000Z' },
    },
  ])
  const open = after(online, request('a', at))
  expect(agent.decide(finish('b'), open)).toEqual([])
  const done = after(open, finish('a'))
  expect(agent.decide(finish('a', 3), done)).toEqual([])
  for (const state of [open, done]) {
    expect(() => agent.decide(request('b', at + 29_001), state)).toThrow(
      expect.objectContaining({ code: 'RATE_LIMITED', details: { retryAfterSeconds: 1 } }),
    )
    expect(agent.decide(request('b', at + 30_000), state)).toHaveLength(1)
  }
  expect(() => agent.decide(request('a', at), agent.initialState)).toThrow(
    expect.objectContaining({ code: 'NOT_FOUND' }),
  )
})

test('that it does not confirm the log is said once for each reason and each state of what it keeps', () => {
  const refused = (keptSize: number, shownSize: number): AgentIntent => ({
    type: 'ReportRefusal',
    refused: { reason: 'inconsistent', keptSize, shownSize },
  })
  const shorter: AgentIntent = {
    type: 'ReportRefusal',
    refused: { reason: 'shorter', keptSize: 5, shownSize: 3 },
  }
  expect(run(enroll, refused(5, 7), refused(5, 8), shorter, refused(6, 8))).toEqual([
    'AgentEnrolled',
    'WitnessRefused',
    'WitnessRefused',
    'WitnessRefused',
  ])
  expect(() => run(refused(5, 7))).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})
