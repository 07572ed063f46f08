/**
 * Two tenants whose devices have the same address: neither sees anything of the other, by API, live stream,
 * gateway or MQTT, not even with a client of its own and an agent's real credential.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, pairOwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { OwnDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import {
  type Credential,
  credentialIn,
  ForeignClient,
  requireMosquittoClients,
} from './foreign-client.ts'

type Tenant = {
  readonly api: Api
  readonly agent: OwnAgent
  readonly device: Item
  readonly credential: Credential
}

const device = new OwnDevice()
let stack: Stack
let ours: Tenant
let theirs: Tenant
let foreign: ForeignClient

beforeAll(async () => {
  requireMosquittoClients()
  stack = await startStack()
  const baseUrl = await device.start()
  const signIn = (email: string) => new Api(stack.httpUrl).signIn(email)
  const made = async (email: string): Promise<Tenant> => {
    const api = await signIn(email)
    const agent = await startOwnAgent(stack, api, 'Mesma rede')
    const item = await registerDevice(api, agent.installationId, { name: 'Igual', baseUrl })
    return { api, agent, device: item, credential: credentialIn(agent.configPath) }
  }
  ours = await made('admin@demo.travessia')
  theirs = await made('gestor@outro.travessia')
  foreign = new ForeignClient(stack.mqttUrl, ours.credential)
})

afterAll(async () => {
  ours?.agent.process.kill('SIGKILL')
  theirs?.agent.process.kill('SIGKILL')
  await device.stop()
  await stack?.stop()
})

/** What must never appear on the other side. */
function marksOf({ agent, device: item, credential }: Tenant): string[] {
  return [agent.installationId, item.id, credential.agentId, credential.tenantId]
}

/** A live stream; `text` grows. */
async function live(api: Api): Promise<{ text: () => string; stop: () => void }> {
  const abort = new AbortController()
  const response = await fetch(`${stack.httpUrl}/api/events`, {
    headers: { authorization: `Bearer ${api.token}` },
    signal: abort.signal,
  })
  expect(response.status).toBe(200)
  let text = ''
  const read = async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk)
  }
  read().catch(() => undefined)
  return { text: () => text, stop: () => abort.abort() }
}

test('devices with one address in two tenants are two devices, each with its own log', async () => {
  for (const [tenant, other] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    const at = await enterSession(tenant.api, tenant.device.id)
    const page = await fetchPage(`${at.base}/echo`, { headers: { cookie: at.cookie } })
    expect(page.status).toBe(200)
    const facts = await eventually(async () => {
      const found = await factsOf(tenant.api, `&sessionId=${at.sessionId}`)
      return found.some(({ type }) => type === 'HttpResponseReceived') && found
    })
    expect(facts[0]?.['deviceId']).toBe(tenant.device.id)
    const seen = JSON.stringify([
      await factsOf(tenant.api),
      await tenant.api.get('/api/installations'),
      await tenant.api.get('/api/audit/sessions'),
      await tenant.api.get('/api/users'),
    ])
    for (const mark of marksOf(other)) expect(seen).not.toContain(mark)
  }
})

test('the live stream carries the own tenant only, and a narrowed person’s own installations only', async () => {
  const narrowed = await person({ installationIds: [ours.agent.installationId] })
  const streams = await Promise.all([ours.api, theirs.api, narrowed].map(live))
  const [mine, other, few] = streams
  const elsewhere = await ours.api.call<Item>('POST', '/api/installations', { name: 'Outro lugar' })
  // Who has heard the last of their own would have heard what comes before it, too.
  const changes = [
    [theirs, theirs.agent.installationId, 'first of theirs'],
    [ours, elsewhere.body.id, 'elsewhere'],
    [ours, ours.agent.installationId, 'last of ours'],
    [theirs, theirs.agent.installationId, 'last of theirs'],
  ] as const
  for (const [{ api }, id, customer] of changes)
    expect((await api.call('PATCH', `/api/installations/${id}`, { customer })).status).toBe(200)
  for (const stream of [mine, few])
    await eventually(async () => stream?.text().includes('last of ours'))
  await eventually(async () => other?.text().includes('last of theirs'))
  expect(mine?.text()).toContain(elsewhere.body.id)
  for (const mark of [...marksOf(ours), elsewhere.body.id])
    expect(other?.text()).not.toContain(mark)
  for (const mark of marksOf(theirs)) expect(mine?.text()).not.toContain(mark)
  expect(few?.text()).not.toContain(elsewhere.body.id)
  for (const { stop } of streams) stop()
})

test('a session host belongs to one tenant: the other’s cookie does not open it and its API does not find it', async () => {
  const [mine, other] = await Promise.all([
    enterSession(ours.api, ours.device.id),
    enterSession(theirs.api, theirs.device.id),
  ])
  const page = await fetchPage(`${mine.base}/echo`, { headers: { cookie: other.cookie } })
  expect(page.status).toBe(403)
  for (const [method, path] of [
    ['DELETE', `/api/sessions/${mine.sessionId}`],
    ['POST', `/api/sessions/${mine.sessionId}/extend`],
    ['GET', `/api/audit/sessions/${mine.sessionId}`],
  ] as const)
    expect((await theirs.api.call(method, path)).status).toBe(404)
  const still = await fetchPage(`${mine.base}/echo`, { headers: { cookie: mine.cookie } })
  expect(still.status).toBe(200)
})

test('filters of the audit do not reach into another tenant', async () => {
  const { installationId } = ours.agent
  expect(
    (await theirs.api.call('GET', `/api/audit/events?deviceId=${ours.device.id}`)).body,
  ).toEqual({ items: [] })
  const byPlace = await theirs.api.call('GET', `/api/audit/events?installationId=${installationId}`)
  expect([200, 404]).toContain(byPlace.status)
  expect(JSON.stringify(byPlace.body)).not.toContain(ours.device.id)
  const csv = await theirs.api.call<string>('GET', '/api/audit/export?format=csv')
  // Their own log tells what they asked for, and so the foreign id that they typed themselves.
  const isAsking = (line: string) => line.includes('AuditQueried')
  const lines = csv.body.split('\n')
  expect(lines.filter(isAsking).join('\n')).toContain(ours.device.id)
  const rest = lines.filter((line) => !isAsking(line)).join('\n')
  for (const mark of marksOf(ours)) expect(rest).not.toContain(mark)
})

test('an agent’s credential reads the agent’s own topics with any MQTT client', async () => {
  await ours.agent.stop()
  const { agentId, tenantId } = ours.credential
  const own = `travessia/v1/${tenantId}/${agentId}`
  expect(await foreign.subscribe(`${own}/cmd/+`, { suffix: '' })).toBe('granted')
  expect(await foreign.subscribe(`${own}/down/+`)).toBe('granted')
  expect(await foreign.receive(`${own}/down/+`)).toMatch(new RegExp(`^${own}/down/[a-z0-9]{26}$`))
})

test('any other filter is refused and its connection closed, and nothing foreign is ever delivered', async () => {
  const lanes = await Promise.all(
    Array.from({ length: 5 }, async (_, i) => {
      const { configPath } = await pairOwnAgent(stack, ours.api, `Cliente MQTT ${i}`)
      return credentialIn(configPath)
    }),
  )
  const attempts = filtersOf(ours.credential).map((_, i) => i)
  const results = await Promise.all(
    lanes.map(async (credential, lane) => {
      const client = new ForeignClient(stack.mqttUrl, credential)
      const filters = filtersOf(credential)
      for (const i of attempts.filter((one) => one % lanes.length === lane)) {
        const { filter, suffix } = filters[i] ?? { filter: '', suffix: '' }
        expect([filter, await client.subscribe(filter, { suffix })]).toEqual([filter, 'closed'])
      }
      const prefix = `travessia/v1/${credential.tenantId}/${credential.agentId}/`
      return client.received.filter((topic) => !topic.startsWith(prefix))
    }),
  )
  expect(results.flat()).toEqual([])
})

/** Everything that could reach beyond the one filter of a connection. */
function filtersOf({ agentId, tenantId }: Credential): Array<{ filter: string; suffix: string }> {
  const other = theirs.credential
  const own = `travessia/v1/${tenantId}/${agentId}`
  const foreignBase = `travessia/v1/${other.tenantId}/${other.agentId}`
  const data = [
    ...['#', '+', '+/#', '/#', '$SYS/#', '$SYS/+/new/clients', '$share/g/#', 'travessia/#'],
    ...[`$share/g/${foreignBase}/down/+`, `$share/g/${own}/down/+`],
    ...[`${foreignBase}/#`, `${foreignBase}/down/+`, `${foreignBase}/cmd/+`, `${foreignBase}/up/+`],
    ...[`travessia/v1/+/${other.agentId}/down/+`, `travessia/v1/${other.tenantId}/+/down/+`],
    ...[`travessia/+/${other.tenantId}/${other.agentId}/down/+`, 'travessia/v1/+/+/down/+'],
    ...[`travessia/v1/${tenantId}/+/down/+`, `${own}/#`, `${own}/+`, `${own}/down/+/`, own],
    ...[`${own}//down/+`, `/${own}/down/+`, `${own.toUpperCase()}/down/+`, `${own}/status`],
    ...[`${own}/up/+`, '__proto__', 'constructor', `${own}/down/\u2028`, 'a/'.repeat(100)],
  ]
  const control = ['#', `${own}/down/+`, `${foreignBase}/cmd/+`, `${own}/cmd/#`]
  return [
    ...data.map((filter) => ({ filter, suffix: '-d' })),
    ...control.map((filter) => ({ filter, suffix: '' })),
  ]
}

test('an agent’s credential publishes to nobody else’s topics and leaves nothing retained', async () => {
  const { agentId, tenantId } = ours.credential
  const other = theirs.credential
  const own = `travessia/v1/${tenantId}/${agentId}`
  const foreignBase = `travessia/v1/${other.tenantId}/${other.agentId}`
  for (const topic of [
    ...[`${foreignBase}/status`, `${foreignBase}/ack`, `${foreignBase}/cmd/command`],
    ...[`${foreignBase}/revoke`, `${own}/revoke`, `${own}/presence`, `${own}/cmd/devices`],
    ...[`$SYS/${other.agentId}/new/clients`, `${own}/else`],
  ]) {
    expect([topic, await foreign.publish(topic, '{"online":false}', { suffix: '' })]).toEqual([
      topic,
      'closed',
    ])
  }
  const retained = { suffix: '', retain: true }
  expect(await foreign.publish(`${own}/status`, '{"online":false}', retained)).toBe('closed')
  expect(await foreign.publish(`${own}/status`, '{"online":false}', { suffix: '' })).toBe('granted')
  const path = `/api/installations/${theirs.agent.installationId}/agent`
  expect((await theirs.api.get<{ status: string }>(path)).status).toBe('ONLINE')
}, 60_000)

test('an agent’s credential takes no other client id, and nobody is thrown out by the attempt', async () => {
  const { agentId } = ours.credential
  const other = theirs.credential.agentId
  const ids = [
    other,
    `${other}-d`,
    agentId.toUpperCase(),
    `${agentId} `,
    `${agentId}-x`,
    `${agentId}-d-d`,
  ]
  for (const id of ids) expect([id, await foreign.connect(id)]).toEqual([id, 'refused'])
  expect(await foreign.connect(`${agentId}-d`, { username: other })).toBe('refused')
  expect(await foreign.connect(`${agentId}-d`, { token: 'x' })).toBe('refused')
  const userToken = ours.api.token ?? ''
  expect(await foreign.connect(`${agentId}-d`, { token: userToken })).toBe('refused')
  const agentFacts = await factsOf(theirs.api, '&type=AgentDisconnected')
  expect(agentFacts.filter((fact) => fact['agentId'] === other)).toEqual([])
  const asUser = new Api(stack.httpUrl)
  asUser.token = ours.credential.token
  expect((await asUser.call('GET', '/api/installations')).status).toBe(401)
})

test('unpairing ends the credential at once: no connection and no renewal afterwards', async () => {
  await ours.agent.run()
  const path = `/api/installations/${ours.agent.installationId}/agent`
  expect((await ours.api.call('DELETE', path)).status).toBe(204)
  expect((await ours.api.get<{ status: string }>(path)).status).toBe('OFFLINE')
  const { agentId } = ours.credential
  const { token } = credentialIn(ours.agent.configPath)
  expect(await foreign.connect(`${agentId}-d`, { token })).toBe('refused')
  expect(await foreign.connect(agentId, { token })).toBe('refused')
})

async function person(fields: Record<string, unknown>): Promise<Api> {
  const email = `pessoa-${Date.now()}@demo.travessia`
  const password = 'uma senha bem longa'
  const made = await ours.api.call('POST', '/api/users', {
    ...{ email, password, name: 'Pessoa', role: 'manager', ...fields },
  })
  expect(made.status).toBe(201)
  return new Api(stack.httpUrl).signIn(email, password)
}
