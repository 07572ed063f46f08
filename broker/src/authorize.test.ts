import { newId } from '@travessia/schemas/ids'
import {
  type AgentAddress,
  controlFilter,
  dataFilter,
  formatTopic,
  nodeFilters,
  type Topic,
} from '@travessia/schemas/topics'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mayPublish, mayRead, maySubscribe } from './authorize.ts'
import { hostileTexts } from './hostile-texts.fixture.ts'
import type { Principal } from './principal.ts'

const own: AgentAddress = { tenantId: newId(), agentId: newId() }
const sibling: AgentAddress = { tenantId: own.tenantId, agentId: newId() }
const foreign: AgentAddress = { tenantId: newId(), agentId: newId() }
const [nodeId, otherNodeId] = [newId(), newId()]
const expiresAt = 1
const control: Principal = { kind: 'agent', ...own, connection: 'control', expiresAt }
const data: Principal = { kind: 'agent', ...own, connection: 'data', expiresAt }
const node: Principal = { kind: 'node', nodeId, expiresAt }
const principals = { control, data, node }
type Kind = keyof typeof principals

function topicsOf(agent: AgentAddress): Record<string, string> {
  const topics: Topic[] = [
    { ...agent, channel: 'ack' },
    { ...agent, channel: 'status' },
    { ...agent, channel: 'presence' },
    { ...agent, channel: 'revoke' },
    { ...agent, channel: 'cmd', kind: 'command' },
    { ...agent, channel: 'telemetry', kind: 'passage' },
    { ...agent, channel: 'down', nodeId },
    { ...agent, channel: 'up', nodeId },
  ]
  return Object.fromEntries(topics.map((topic) => [topic.channel, formatTopic(topic)]))
}

/** The topics of docs/protocol.md, written again by hand: who may publish what with which QoS, and read what. */
const publishes: Record<Kind, Record<string, number>> = {
  control: { ack: 1, status: 1, telemetry: 0 },
  data: { up: 0, telemetry: 0 },
  node: { cmd: 1, down: 0, revoke: 1 },
}
const reads: Record<Kind, string[]> = {
  control: ['cmd'],
  data: ['down'],
  node: ['ack', 'status', 'telemetry', 'up', 'presence'],
}

for (const kind of ['control', 'data', 'node'] as const) {
  test(`${kind} publishes exactly its channels, each with its one QoS, never retained`, () => {
    for (const [channel, topic] of Object.entries(topicsOf(own))) {
      for (const qos of [0, 1, 2]) {
        const isAllowed = publishes[kind][channel] === qos
        expect(mayPublish(principals[kind], { topic, qos, retain: false })).toBe(isAllowed)
        expect(mayPublish(principals[kind], { topic, qos, retain: true })).toBe(false)
      }
    }
  })

  test(`${kind} reads exactly its channels`, () => {
    for (const [channel, topic] of Object.entries(topicsOf(own)))
      expect(mayRead(principals[kind], topic), topic).toBe(reads[kind].includes(channel))
  })
}

test.each([
  ['another agent of the tenant', sibling],
  ['an agent of another tenant', foreign],
  ['its own id under another tenant', { ...own, tenantId: foreign.tenantId }],
])('an agent neither publishes to nor reads topics of %s', (_what, agent) => {
  for (const topic of Object.values(topicsOf(agent))) {
    for (const principal of [control, data]) {
      expect(mayRead(principal, topic)).toBe(false)
      for (const qos of [0, 1]) {
        expect(mayPublish(principal, { topic, qos, retain: false })).toBe(false)
      }
    }
  }
})

test('a node reads the tunnel frames that are for it, not those for another node', () => {
  expect(mayRead(node, formatTopic({ ...own, channel: 'up', nodeId }))).toBe(true)
  expect(mayRead(node, formatTopic({ ...own, channel: 'up', nodeId: otherNodeId }))).toBe(false)
})

test('each principal subscribes to its own filters and to nothing else', () => {
  expect(maySubscribe(control, controlFilter(own))).toBe(true)
  expect(maySubscribe(data, dataFilter(own))).toBe(true)
  expect(maySubscribe(control, dataFilter(own))).toBe(false)
  expect(maySubscribe(data, controlFilter(own))).toBe(false)
  for (const filter of nodeFilters(nodeId)) expect(maySubscribe(node, filter)).toBe(true)
  for (const agent of [sibling, foreign]) {
    expect(maySubscribe(control, controlFilter(agent))).toBe(false)
    expect(maySubscribe(data, dataFilter(agent))).toBe(false)
  }
  expect(maySubscribe(node, nodeFilters(otherNodeId)[0] ?? '')).toBe(false)
})

test('no hostile filter is granted, delivered or published to', () => {
  for (const text of hostileTexts(own, foreign)) {
    for (const principal of [control, data]) {
      expect(maySubscribe(principal, text), text).toBe(false)
      expect(mayRead(principal, text), text).toBe(false)
      for (const qos of [0, 1]) {
        expect(mayPublish(principal, { topic: text, qos, retain: false }), text).toBe(false)
      }
    }
  }
})

test('over-long UTF-8 in a level, as a decoder would show it, is no level of ours', () => {
  const overLong = Buffer.from([0xc0, 0xaf, 0xe0, 0x80, 0xaf]).toString()
  expect(maySubscribe(control, controlFilter(own).replace('/cmd', `${overLong}cmd`))).toBe(false)
  expect(mayRead(control, topicsOf(own)['cmd']?.replace('/cmd', `${overLong}cmd`) ?? '')).toBe(
    false,
  )
})

const level = fc.oneof(
  fc.constantFrom('travessia', 'v1', 'v2', '+', '#', '', 'cmd', 'down', 'up', 'ack', 'status'),
  fc.constantFrom('telemetry', 'command', 'presence', 'revoke', nodeId, otherNodeId),
  fc.constantFrom(own.tenantId, own.agentId, sibling.agentId, foreign.tenantId, foreign.agentId),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString()),
)
const shaped = fc
  .tuple(
    fc.constantFrom(own.tenantId, foreign.tenantId, '+', '#'),
    fc.constantFrom(own.agentId, sibling.agentId, foreign.agentId, '+', '#'),
    fc.array(level, { minLength: 1, maxLength: 3 }),
  )
  .map(([tenant, agent, rest]) => `travessia/v1/${[tenant, agent, ...rest].join('/')}`)
const anyTopic = fc.oneof(
  shaped,
  fc.array(level, { maxLength: 8 }).map((parts) => parts.join('/')),
)

/** Independent of `parseTopic`: one expression for each channel, with the literal ids in it. */
function referenceAllows(kind: Kind, verb: 'publish' | 'read', topic: string): string | undefined {
  const id = '[a-z0-9]{26}'
  const who = kind === 'node' ? `${id}/${id}` : `${own.tenantId}/${own.agentId}`
  const upTo = kind === 'node' && verb === 'read' ? nodeId : id
  const tails: Record<string, string> = {
    ...{ ack: 'ack', status: 'status', presence: 'presence', revoke: 'revoke' },
    ...{ cmd: 'cmd/[a-z][a-z0-9-]{0,31}', telemetry: 'telemetry/[a-z][a-z0-9-]{0,31}' },
    ...{ down: `down/${id}`, up: `up/${upTo}` },
  }
  const channels = verb === 'publish' ? Object.keys(publishes[kind]) : reads[kind]
  return channels.find((channel) =>
    new RegExp(`^travessia/v1/${who}/${tails[channel]}$(?!\n)`).test(topic),
  )
}

for (const kind of ['control', 'data', 'node'] as const) {
  test(`an independent matcher agrees on every topic that ${kind} may publish or read`, () => {
    fc.assert(
      fc.property(anyTopic, fc.constantFrom(0, 1, 2), (topic, qos) => {
        const channel = referenceAllows(kind, 'publish', topic)
        const isAllowed = channel !== undefined && publishes[kind][channel] === qos
        expect(mayPublish(principals[kind], { topic, qos, retain: false })).toBe(isAllowed)
        const isReadable = referenceAllows(kind, 'read', topic) !== undefined
        expect(mayRead(principals[kind], topic)).toBe(isReadable)
      }),
      { numRuns: 2_000 },
    )
  })
}

/** [MQTT-4.7.1]: does a filter match a topic, by the book and without knowing our topics. */
function matches(filter: string, topic: string): boolean {
  const [want, have] = [filter.split('/'), topic.split('/')]
  for (const [i, part] of want.entries()) {
    if (part === '#') return true
    if (i >= have.length || (part !== '+' && part !== have[i])) return false
  }
  return want.length === have.length
}

test('no filter that is granted to an agent matches a topic that it may not read', () => {
  const topics = [own, sibling, foreign].flatMap((agent) => Object.values(topicsOf(agent)))
  const filters = fc.oneof(anyTopic, fc.constantFrom(controlFilter(own), dataFilter(own)))
  fc.assert(
    fc.property(filters, fc.constantFrom('control', 'data'), (filter, kind) => {
      if (!maySubscribe(principals[kind], filter)) return
      for (const topic of topics.filter((one) => matches(filter, one)))
        expect(mayRead(principals[kind], topic)).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
