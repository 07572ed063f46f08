/**
 * SIGKILL of the node and of an agent while a session and a command are under way, a cut and a silent network:
 * what was acknowledged stays, what was begun ends once, everything comes back by itself.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { Network, throughNetwork } from '../rig/network.ts'
import { type OwnAgent, pairOwnAgent, registerDevice } from '../rig/own-agent.ts'
import { OwnDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage, openPage } from '../rig/pages.ts'
import { childPid, type Stack, startStack, whileGone } from '../rig/stack.ts'

type Fact = {
  readonly id: string
  readonly logIndex: number
  readonly type: string
  readonly streamId: string
  readonly data: Record<string, unknown>
}
type Entered = Awaited<ReturnType<typeof enterSession>>

const ends = ['Succeeded', 'Failed', 'Refused', 'Expired', 'Unknown']
const endings = ends.map((end) => `Command${end}`)
const device = new OwnDevice()
let stack: Stack
let manager: Api
let auditor: Api
let gate: Item
let own: Item
let agent: OwnAgent
let network: Network

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  gate = await deviceNamed(manager, 'Catraca Entrada')
  agent = await pairOwnAgent(stack, manager, 'Rede ruim')
  network = new Network(Number(new URL(stack.wsUrl).port))
  throughNetwork(agent.configPath, await network.start())
  await agent.run()
  const fields = { name: 'Atrás da rede ruim', baseUrl: await device.start() }
  own = await registerDevice(manager, agent.installationId, fields)
  await eventually(async () => (await open()).status === 202)
  await settled()
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  network?.stop()
  await device.stop()
  await stack?.stop()
})

function killNode(): void {
  process.kill(childPid(stack, 'api/src/main.ts'), 'SIGKILL')
}

const agentPid = () => childPid(stack, 'travessia-agent.js', 'agent-matriz')

function killAgent(): void {
  process.kill(agentPid(), 'SIGKILL')
}

async function isOnline(installationId: unknown): Promise<boolean> {
  const path = `/api/installations/${installationId}/agent`
  const answer = await manager.call<{ status: string }>('GET', path).catch(() => undefined)
  return answer?.body.status === 'ONLINE'
}

/** Within 10 s of the node's or the network's return, without help. */
async function agentsBack(): Promise<void> {
  const isReady = async () =>
    (await manager.call('GET', '/readyz').catch(() => undefined))?.status === 200
  await eventually(isReady, { what: 'the node back' })
  const places = [agent.installationId, gate['installationId']]
  const areOnline = async () => (await Promise.all(places.map(isOnline))).every(Boolean)
  await eventually(areOnline, { withinMs: 10_000, what: 'both agents back' })
}

/** All facts of the tenant, oldest first. */
async function log(): Promise<Fact[]> {
  const facts: Fact[] = []
  let query = ''
  for (;;) {
    const page = await auditor.get<{ items: Fact[]; nextCursor?: string }>(
      `/api/audit/events?limit=200${query}`,
    )
    facts.push(...page.items)
    if (page.nextCursor === undefined) return facts.toReversed()
    query = `&cursor=${page.nextCursor}`
  }
}

/** Nothing of `before` is missing or changed, nothing is doubled, and no number is left out. */
function expectContinuation(before: readonly Fact[], after: readonly Fact[]): void {
  expect(after.slice(0, before.length)).toEqual(before)
  const first = after[0]?.logIndex ?? 0
  expect(after.map(({ logIndex }) => logIndex)).toEqual(after.map((_, i) => first + i))
}

function open() {
  const body = { command: 'OpenGate', args: { direction: 'both' } }
  return manager.call('POST', `/api/devices/${gate.id}/commands`, body)
}

async function turns(): Promise<number> {
  const response = await fetch(`${gate['baseUrl']}/__simulator/state`)
  return ((await response.json()) as { actions: unknown[] }).actions.length
}

async function slowly(slowMs: number): Promise<void> {
  const url = `${gate['baseUrl']}/__simulator/faults`
  await fetch(url, { method: 'POST', body: JSON.stringify({ slowMs }) })
}

const isOver = (status: unknown) => ends.some((end) => end.toLowerCase() === status)

/** A node that has just started may say that it is busy, which is no status of the command. */
async function statusOf(commandId: unknown): Promise<unknown> {
  const path = `/api/commands/${commandId}`
  const answer = await manager.call('GET', path).catch(() => undefined)
  return answer?.status === 200 ? answer.body['status'] : undefined
}

async function settled(): Promise<void> {
  await eventually(
    async () => {
      const path = `/api/devices/${gate.id}/commands`
      const list = await manager.call<{ items: Item[] }>('GET', path).catch(() => undefined)
      return list?.status === 200 && list.body.items.every(({ status }) => isOver(status))
    },
    { withinMs: 40_000, what: 'no open command' },
  )
}

function inside(at: Entered, path: string) {
  return fetchPage(at.base + path, { headers: { cookie: at.cookie } })
}

async function answersAgain(at: Entered): Promise<void> {
  const works = async () => (await inside(at, '/').catch(() => undefined))?.status === 200
  await eventually(works, { withinMs: 10_000, what: 'the session answering again' })
}

test('kill -9 of the node under load: no acknowledged fact is missing, and what reached the device was written before', async () => {
  const at = await enterSession(manager, own.id)
  const stream = await openPage(`${at.base}/endless?crash`, { headers: { cookie: at.cookie } })
  stream.on('error', () => undefined).resume()
  const seenBefore = device.seen.length
  let isDown = false
  const browse = async (reader: number) => {
    for (let i = 0; !isDown; i += 1)
      await inside(at, `/echo?reader=${reader}&n=${i}`).catch(() => {
        isDown = true
      })
  }
  const readers = [0, 1, 2, 3].map(browse)
  await eventually(async () => device.seen.length > seenBefore + 50)
  const before = await log()
  killNode()
  await Promise.all(readers)
  await agentsBack()
  const after = await log()
  expectContinuation(before, after)
  const written = after.filter(({ type }) => type === 'HttpRequestForwarded')
  const paths = new Set(written.map(({ data }) => data['path']))
  expect(device.seen.slice(seenBefore).filter((path) => !paths.has(path))).toEqual([])
  await answersAgain(at)
  expect((await fetchPage(`${at.base}/`)).status).toBe(403)
})

test('exchanges that were open at the crash have an end in the log, with the stage', async () => {
  const ended = new Map<unknown, Fact>()
  // The end of the last one is written after its browser has the answer.
  const heads = await eventually(async () => {
    const after = await log()
    for (const fact of after)
      if (['HttpResponseReceived', 'HttpExchangeFailed'].includes(fact.type))
        ended.set(fact.data['requestId'], fact)
    const all = after.filter(({ type }) => type === 'HttpRequestForwarded')
    return all.every(({ data }) => ended.has(data['requestId'])) && all
  })
  const stream = heads.find(({ data }) => data['path'] === '/endless?crash')
  expect(ended.get(stream?.data['requestId'])?.data).toMatchObject({ stage: 'crash' })
})

test('kill -9 of the agent during a session: the same cookie works again within 10 s', async () => {
  const turnstile = await enterSession(manager, gate.id)
  expect((await inside(turnstile, '/en_US/html/index.html')).status).toBe(200)
  const status = async () =>
    (await inside(turnstile, '/en_US/html/index.html').catch(() => undefined))?.status
  await whileGone(stack, agentPid(), async () => {
    const away = await eventually(status, { withinMs: 2_000, what: 'an answer without the agent' })
    expect([502, 503]).toContain(away)
  })
  const works = async () => (await status()) === 200
  await eventually(works, { withinMs: 10_000, what: 'the agent back' })
  await agentsBack()
})

const points = [
  ['at once after its 202', async () => undefined],
  [
    'while the device works on it',
    async (commandId: unknown) =>
      eventually(async () => (await statusOf(commandId)) === 'running', { what: 'running' }),
  ],
] as const

test.each([
  ...points.map(([when, reached]) => ['the node', when, killNode, reached] as const),
  ...points.map(([when, reached]) => ['the agent', when, killAgent, reached] as const),
])(
  'kill -9 of %s during a command, %s: one terminal state and at most one turn',
  async (_who, _when, kill, reached) => {
    const [before, turnsBefore] = [await log(), await turns()]
    await slowly(2_000)
    const { status, body } = await open()
    expect(status).toBe(202)
    await reached(body['commandId'])
    kill()
    await eventually(async () => isOver(await statusOf(body['commandId'])), {
      withinMs: 35_000,
      what: 'a terminal state',
    })
    await slowly(0)
    await agentsBack()
    const after = await log()
    expectContinuation(before, after)
    const facts = after.filter(({ streamId }) => streamId === body['commandId'])
    const terminal = facts.map(({ type }) => type).filter((type) => endings.includes(type))
    expect(terminal).toHaveLength(1)
    const turned = (await turns()) - turnsBefore
    expect(turned).toBeLessThanOrEqual(1)
    if (terminal[0] === 'CommandSucceeded') expect(turned).toBe(1)
    if (/Refused|Expired|Failed/.test(String(terminal[0]))) expect(turned).toBe(0)
  },
)

test('after all kills the gate opens as before, and the log is dense', async () => {
  const before = await turns()
  const { body } = await open()
  await eventually(async () => (await statusOf(body['commandId'])) === 'succeeded')
  expect(await turns()).toBe(before + 1)
  expectContinuation([], await log())
})

test('a cut network fails what is under way at once and is joined again within 10 s', async () => {
  const at = await enterSession(manager, own.id)
  const waiting = inside(at, '/silent')
  await eventually(async () => device.seen.includes('/silent'))
  network.cut()
  const begun = Date.now()
  expect((await waiting).headers['x-travessia-error']).toBe('TUNNEL_LOST')
  expect(Date.now() - begun).toBeLessThan(5_000)
  await answersAgain(at)
  await agentsBack()
})

test('a link that goes silent shows OFFLINE within 50 s and is back within 10 s of the network’s return', async () => {
  const at = await enterSession(manager, own.id)
  network.silence()
  const isAway = async () => !(await isOnline(agent.installationId))
  await eventually(isAway, { withinMs: 50_000, what: 'OFFLINE' })
  expect((await inside(at, '/')).status).toBe(503)
  network.restore()
  await agentsBack()
  await answersAgain(at)
}, 90_000)
