import { expect, test } from 'vitest'
import { newId } from './ids.ts'
import {
  controlFilter,
  dataFilter,
  formatTopic,
  nodeFilters,
  parseTopic,
  type Topic,
} from './topics.ts'

const agent = { tenantId: newId(), agentId: newId() }
const topics: Topic[] = [
  { ...agent, channel: 'ack' },
  { ...agent, channel: 'status' },
  { ...agent, channel: 'presence' },
  { ...agent, channel: 'revoke' },
  { ...agent, channel: 'cmd', kind: 'command' },
  { ...agent, channel: 'telemetry', kind: 'temperature' },
  { ...agent, channel: 'down', nodeId: newId() },
  { ...agent, channel: 'up', nodeId: newId() },
]

test.each(topics)('parseTopic reads back what formatTopic wrote for $channel', (topic) => {
  expect(parseTopic(formatTopic(topic))).toEqual(topic)
})

const { tenantId, agentId } = agent
test.each([
  '',
  '/',
  '#',
  `/travessia/v1/${tenantId}/${agentId}/ack`,
  `travessia/v1/${tenantId}/${agentId}/ack/`,
  `travessia/v1/${tenantId}/${agentId}`,
  `travessia/v1/${tenantId}//ack`,
  `travessia/v2/${tenantId}/${agentId}/ack`,
  `travessia/v1/+/${agentId}/ack`,
  `travessia/v1/${tenantId}/#`,
  `travessia/v1/${tenantId.toUpperCase()}/${agentId}/ack`,
  `travessia/v1/${tenantId}/${agentId}/cmd`,
  `travessia/v1/${tenantId}/${agentId}/cmd/+`,
  `travessia/v1/${tenantId}/${agentId}/cmd/a/b`,
  `travessia/v1/${tenantId}/${agentId}/cmd/constructor\0`,
  `travessia/v1/${tenantId}/${agentId}/up/x`,
  `travessia/v1/${tenantId}/${agentId}/__proto__`,
  `$SYS/${agentId}/heartbeat`,
  `$share/g/travessia/v1/${tenantId}/${agentId}/ack`,
])('parseTopic knows nothing of %j', (text) => expect(parseTopic(text)).toBeUndefined())

test('the filters of an agent name its tenant and itself literally', () => {
  expect(controlFilter(agent)).toBe(`travessia/v1/${tenantId}/${agentId}/cmd/+`)
  expect(dataFilter(agent)).toBe(`travessia/v1/${tenantId}/${agentId}/down/+`)
})

test('a node subscribes to one wildcard per channel and to frames addressed to itself only', () => {
  const nodeId = newId()
  expect(nodeFilters(nodeId)).toContain(`travessia/v1/+/+/up/${nodeId}`)
  expect(nodeFilters(nodeId).some((filter) => filter.endsWith('/#'))).toBe(false)
})
