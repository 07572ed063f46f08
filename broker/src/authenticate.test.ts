import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Hello, isOwnWill, principalOf, type Will } from './authenticate.ts'
import { hostileTexts } from './hostile-texts.fixture.ts'
import type { Credential, Principal } from './principal.ts'

const agent = { tenantId: newId(), agentId: newId() }
const victim = { tenantId: newId(), agentId: newId() }
const credential: Credential = { kind: 'agent', ...agent, expiresAt: 1 }
const username = agent.agentId

function agentSaying(hello: Partial<Hello>): Principal | undefined {
  return principalOf(credential, { clientId: agent.agentId, username, clean: false, ...hello })
}

test('the client id that equals the agent id is its control connection, with a kept session', () => {
  expect(agentSaying({})).toEqual({ ...credential, connection: 'control' })
})

test('the client id {agentId}-d is its data connection, with a clean session', () => {
  const data = agentSaying({ clientId: `${agent.agentId}-d`, clean: true })
  expect(data).toEqual({ ...credential, connection: 'data' })
})

test('a clean control session and a kept data session are refused', () => {
  expect(agentSaying({ clean: true })).toBeUndefined()
  expect(agentSaying({ clientId: `${agent.agentId}-d` })).toBeUndefined()
})

test.each([
  ['the victim of another tenant', victim.agentId],
  ['its data connection', `${victim.agentId}-d`],
  ['no id', ''],
  ['the same id in upper case', agent.agentId.toUpperCase()],
  ['one letter in upper case', `${agent.agentId}-D`],
  ['a space at the end', `${agent.agentId} `],
  ['a space at the start', ` ${agent.agentId}`],
  ['NUL at the end', `${agent.agentId}\0`],
  ['NUL before the suffix', `${agent.agentId}\0-d`],
  ['a byte order mark', `\ufeff${agent.agentId}`],
  ['a suffix after the suffix', `${agent.agentId}-d-d`],
  ['a prefix of the id', agent.agentId.slice(0, 25)],
])('a valid credential with %s as client id is refused, clean or not', (_what, clientId) => {
  expect(agentSaying({ clientId, clean: false })).toBeUndefined()
  expect(agentSaying({ clientId, clean: true })).toBeUndefined()
})

test('no hostile text is a client id, nor a user name', () => {
  for (const text of hostileTexts(agent, victim)) {
    expect(agentSaying({ clientId: text, clean: false }), text).toBeUndefined()
    expect(agentSaying({ clientId: text, clean: true }), text).toBeUndefined()
    expect(agentSaying({ username: text }), text).toBeUndefined()
  }
})

test('whatever a client calls itself, it gets a principal only under its own two ids', () => {
  const texts = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString()),
    fc.constantFrom(agent.agentId, `${agent.agentId}-d`, victim.agentId, `${victim.agentId}-d`),
  )
  fc.assert(
    fc.property(texts, texts, fc.boolean(), (clientId, user, clean) => {
      const principal = principalOf(credential, { clientId, username: user, clean })
      const own = clean ? `${agent.agentId}-d` : agent.agentId
      expect(principal !== undefined).toBe(clientId === own && user === agent.agentId)
    }),
  )
})

test('the ids follow from the credential: another user name with the right client id is refused', () => {
  expect(agentSaying({ username: victim.agentId })).toBeUndefined()
  expect(agentSaying({ username: '' })).toBeUndefined()
})

test('a credential whose tenant or agent is not an id has no principal', () => {
  for (const bad of ['+', '#', '', 'A'.repeat(26), `${'a'.repeat(25)}/`]) {
    const hello = { clientId: bad, username: bad, clean: false }
    expect(principalOf({ ...credential, agentId: bad }, hello)).toBeUndefined()
    const own = { clientId: agent.agentId, username, clean: false }
    expect(principalOf({ ...credential, tenantId: bad }, own)).toBeUndefined()
  }
})

test('a node is admitted under its own id with a clean session only', () => {
  const node: Credential = { kind: 'node', nodeId: newId(), expiresAt: 1 }
  const hello = { clientId: node.nodeId, username: node.nodeId, clean: true }
  expect(principalOf(node, hello)).toEqual(node)
  expect(principalOf(node, { ...hello, clean: false })).toBeUndefined()
  expect(principalOf(node, { ...hello, clientId: agent.agentId })).toBeUndefined()
  expect(principalOf(node, { ...hello, username: agent.agentId })).toBeUndefined()
})

const control = agentSaying({}) as Principal
const ownWill: Will = {
  topic: `travessia/v1/${agent.tenantId}/${agent.agentId}/status`,
  payload: Buffer.from(willPayload),
  qos: 1,
  retain: false,
}

test('the control connection may leave the one will that says it is offline', () => {
  expect(isOwnWill(control, ownWill)).toBe(true)
  expect(isOwnWill(control, { ...ownWill, payload: willPayload })).toBe(true)
})

test.each<[string, Partial<Will>]>([
  [
    'on a foreign status topic',
    { topic: `travessia/v1/${victim.tenantId}/${victim.agentId}/status` },
  ],
  ['on the own command topic', { topic: ownWill.topic.replace('status', 'cmd/command') }],
  ['on the own ack topic', { topic: ownWill.topic.replace('status', 'ack') }],
  ['on a topic of the broker', { topic: '$SYS/x/new/clients' }],
  ['with another payload', { payload: '{"online":true}' }],
  ['that is retained', { retain: true }],
  ['with QoS 0', { qos: 0 }],
  ['with QoS 2', { qos: 2 }],
])('a will %s is refused', (_what, change) => {
  expect(isOwnWill(control, { ...ownWill, ...change })).toBe(false)
})

test('the data connection and nodes leave no will', () => {
  const data = agentSaying({ clientId: `${agent.agentId}-d`, clean: true }) as Principal
  expect(isOwnWill(data, ownWill)).toBe(false)
  expect(isOwnWill({ kind: 'node', nodeId: newId(), expiresAt: 1 }, ownWill)).toBe(false)
})
