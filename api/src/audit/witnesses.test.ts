import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { fromBase64 } from '@travessia/schemas/evidence/bytes'
import {
  type Checkpoint,
  openCheckpoint,
  originOf,
  witnessName,
} from '@travessia/schemas/evidence/checkpoint'
import { firstKeys, keysName } from '@travessia/schemas/evidence/key-changes'
import { isConsistent } from '@travessia/schemas/evidence/merkle'
import { cosign } from '@travessia/schemas/evidence/note'
import { newSigner } from '@travessia/schemas/evidence/signer.fixture'
import { newId } from '@travessia/schemas/ids'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { CheckpointOrder, RefusalReason } from '@travessia/schemas/witness'
import { pino } from 'pino'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { newEvidenceKeys } from './bundle.fixture.ts'
import { Checkpointer } from './checkpointer.ts'
import { Witnesses } from './witnesses.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-witnesses-'))
const nodeId = newId()
const evidenceKeys = newEvidenceKeys(nodeId)
const log = pino({ enabled: false })
const stores: EventStore[] = []
const running: Witnesses[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()))
  await Promise.all(stores.splice(0).map((store) => store.close()))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

type Agent = AgentAddress & { readonly signer: ReturnType<typeof newSigner> }
const newAgent = (tenantId = newId()): Agent => ({
  tenantId,
  agentId: newId(),
  signer: newSigner(),
})

/** A node on this file, whose clock stands until it is told otherwise. */
async function node(agents: readonly Agent[], path = join(directory, `${newId()}.db`)) {
  const store = await createSqliteStore(path)
  stores.push(store)
  const checkpointer = new Checkpointer({
    ...{ store, evidenceKeys, nodeId, now: Date.now, log },
    database: openSecretsDatabase(':memory:'),
  })
  const shown: Array<{ agentId: string; order: CheckpointOrder }> = []
  const refusals: Array<{ agentId: string; reason: RefusalReason }> = []
  const clock = { now: 1_795_000_000_000 }
  const witnesses = new Witnesses({
    ...{ store, checkpointer, evidenceKeys, nodeId, log, now: () => clock.now },
    link: {
      command: async ({ agentId }, _kind, payload) =>
        void shown.push({ agentId, order: JSON.parse(payload) }),
    },
    online: () => agents,
    keyOf: (agentId) => agents.find((one) => one.agentId === agentId)?.signer.publicKey,
    refused: async ({ agentId }, { reason }) => void refusals.push({ agentId, reason }),
  })
  running.push(witnesses)
  const grow = async (tenantId: string, events: number) => {
    await store.append(append({ tenantId, events: Array.from({ length: events }, () => event()) }))
    return checkpointer.fresh(tenantId)
  }
  /** What goes out after so long. */
  const after = async (ms: number) => {
    clock.now += ms
    shown.length = 0
    await witnesses.look()
    return shown.map(({ agentId, order }) => ({ agentId, order, of: open(order) }))
  }
  return { store, witnesses, shown, refusals, grow, after, path }
}

const originFor = (tenantId: string) => originOf(nodeId, tenantId)

function open({ note }: CheckpointOrder): Checkpoint | undefined {
  const origin = note.slice(0, note.indexOf('\n'))
  return openCheckpoint(note, evidenceKeys.keysOf(origin))
}

const confirm = (agent: Agent, order: CheckpointOrder) => ({
  kind: 'checkpoint' as const,
  size: open(order)?.size ?? 0,
  cosignature: cosign(order.note, {
    name: witnessName(agent.agentId),
    signer: agent.signer,
    at: 0,
  }),
})

test('each agent is shown its own tenant’s log alone, with the keys that sign it, and what it signs is kept', async () => {
  const [one, other] = [newAgent(), newAgent()]
  const { grow, after, witnesses, store } = await node([one, other])
  await grow(one.tenantId, 3)
  await grow(other.tenantId, 5)
  const shown = await after(0)
  expect(shown.map(({ agentId, of }) => [agentId, of?.origin, of?.size])).toEqual([
    [one.agentId, originFor(one.tenantId), 3],
    [other.agentId, originFor(other.tenantId), 5],
  ])
  for (const { order, of } of shown)
    expect(firstKeys(keysName(of?.origin ?? ''), order.keys)).toEqual(evidenceKeys.publicKeys())
  const order = shown[0]?.order as CheckpointOrder
  await witnesses.reported(one, confirm(one, order))
  expect(await store.evidence.cosignatures(one.tenantId, 100)).toMatchObject([
    { agentId: one.agentId, size: 3 },
  ])
})

test('the next one has a proof from what was confirmed, at most each ten seconds and only when there is something new', async () => {
  const agent = newAgent()
  const { grow, after, witnesses } = await node([agent])
  await grow(agent.tenantId, 300)
  const [first] = await after(0)
  await witnesses.reported(agent, confirm(agent, first?.order as CheckpointOrder))
  expect(await after(60_000)).toEqual([])
  await grow(agent.tenantId, 300)
  const [second] = await after(0)
  expect(second?.order.from).toBe(300)
  const proof = second?.order.proof.map(fromBase64) ?? []
  expect(isConsistent(first?.of as Checkpoint, second?.of as Checkpoint, proof)).toBe(true)
  await witnesses.reported(agent, confirm(agent, second?.order as CheckpointOrder))
  await grow(agent.tenantId, 1)
  expect(await after(9_999)).toEqual([])
  expect(await after(1)).toHaveLength(1)
})

test('one log whose checkpoint cannot be read holds up no other', async () => {
  const [one, other] = [newAgent(), newAgent()]
  const { grow, after, store } = await node([one, other])
  for (const { tenantId } of [one, other]) await grow(tenantId, 1)
  const { evidence } = store
  const newest = evidence.newestCheckpoint.bind(evidence)
  vi.spyOn(evidence, 'newestCheckpoint').mockImplementation(async (tenantId) => {
    if (tenantId === one.tenantId) throw new TravessiaError('STORE_UNAVAILABLE')
    return newest(tenantId)
  })
  expect((await after(0)).map(({ agentId }) => agentId)).toEqual([other.agentId])
})

test('who does not answer is asked ever less often, never more than ten minutes apart', async () => {
  const agent = newAgent()
  const { grow, after } = await node([agent])
  await grow(agent.tenantId, 1)
  expect(await after(0)).toHaveLength(1)
  expect(await after(9_999)).toHaveLength(0)
  expect(await after(1)).toHaveLength(1)
  expect(await after(19_999)).toHaveLength(0)
  for (let n = 0; n < 12; n += 1) expect(await after(600_000)).toHaveLength(1)
})

test('after a restart the node goes on from what is in its store; who keeps another size gets a proof from there', async () => {
  const agent = newAgent()
  const before = await node([agent])
  await before.grow(agent.tenantId, 4)
  const [first] = await before.after(0)
  await before.witnesses.reported(agent, confirm(agent, first?.order as CheckpointOrder))
  await before.store.close()
  stores.length = 0
  const { grow, after, witnesses } = await node([agent], before.path)
  await grow(agent.tenantId, 2)
  expect((await after(0)).map(({ order }) => order.from)).toEqual([4])
  await witnesses.reported(agent, { kind: 'checkpoint', size: 0 })
  expect((await after(0)).map(({ order }) => order.from)).toEqual([0])
})

test('a signature over something else, of another agent, or of a size that was never signed is not kept', async () => {
  const [agent, neighbour] = [newAgent(), newAgent()]
  const { grow, after, witnesses, store } = await node([agent, neighbour])
  await grow(agent.tenantId, 4)
  await grow(neighbour.tenantId, 4)
  const [own, others] = (await after(0)).map(({ order }) => order) as [
    CheckpointOrder,
    CheckpointOrder,
  ]
  const right = confirm(agent, own)
  for (const wrong of [
    { ...right, size: 3 },
    { ...right, cosignature: confirm(agent, others).cosignature },
    { ...right, cosignature: confirm(neighbour, own).cosignature },
    { ...right, cosignature: 'x' },
  ])
    await expect(witnesses.reported(agent, wrong)).rejects.toMatchObject({
      code: 'MESSAGE_INVALID',
    })
  expect(await store.evidence.cosignatures(agent.tenantId, 100)).toEqual([])
})

test('a refusal is recorded, and no more is shown until the agent connects anew', async () => {
  const agent = newAgent()
  const { grow, after, witnesses, refusals } = await node([agent])
  await grow(agent.tenantId, 4)
  await after(0)
  const refused = { reason: 'inconsistent', shown: 4, note: '' } as const
  await witnesses.reported(agent, { kind: 'checkpoint', size: 9, refused })
  expect(refusals).toEqual([{ agentId: agent.agentId, reason: 'inconsistent' }])
  await grow(agent.tenantId, 4)
  expect(await after(3_600_000)).toEqual([])
  witnesses.connected(agent)
  expect(await after(0)).toHaveLength(1)
})

test('that an old message came late is no alarm: the longer log that the agent keeps is this one; that of another is one', async () => {
  const agent = newAgent()
  const { grow, after, witnesses, refusals } = await node([agent])
  const { note } = await grow(agent.tenantId, 4)
  const refused = { reason: 'shorter', shown: 2, note } as const
  await witnesses.reported(agent, { kind: 'checkpoint', size: 4, refused })
  expect(refusals).toEqual([])
  await grow(agent.tenantId, 1)
  expect((await after(0)).map(({ order }) => order.from)).toEqual([4])
  const foreign = await node([])
  const other = await foreign.grow(agent.tenantId, 4)
  await witnesses.reported(agent, {
    ...{ kind: 'checkpoint', size: 4 },
    refused: { ...refused, note: other.note },
  })
  expect(refusals).toHaveLength(1)
})

test('a node on an older backup learns from the agent that events are gone: one of its size it does not have, then one that it cannot prove', async () => {
  const agent = newAgent()
  const { grow, after, witnesses, refusals } = await node([agent])
  const { note } = await grow(agent.tenantId, 4)
  const refused = { reason: 'shorter', shown: 4, note } as const
  await witnesses.reported(agent, { kind: 'checkpoint', size: 9, refused })
  expect(refusals).toEqual([{ agentId: agent.agentId, reason: 'shorter' }])
  witnesses.connected(agent)
  // Meanwhile it has grown past what the agent keeps, with other events.
  await grow(agent.tenantId, 8)
  await witnesses.reported(agent, { kind: 'checkpoint', size: 9 })
  const [shown] = await after(0)
  expect(shown?.order.from).toBe(9)
})

test('while it runs the node looks by itself, and both agents of a tenant are shown the log', async () => {
  const tenantId = newId()
  const agents = [newAgent(tenantId), newAgent(tenantId)]
  const { grow, witnesses, shown } = await node(agents)
  await grow(tenantId, 1)
  witnesses.start()
  await vi.waitFor(() => expect(shown).toHaveLength(2), 10_000)
  await witnesses.stop()
  expect(shown.map(({ agentId }) => agentId)).toEqual(agents.map(({ agentId }) => agentId))
})
