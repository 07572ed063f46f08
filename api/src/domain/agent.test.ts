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
