import { newId } from '@travessia/schemas/ids'
import type { Passage, PassagesReceipt } from '@travessia/schemas/passages'
import { expect, test } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { Passages } from './passages.ts'

const agent = { tenantId: newId(), agentId: newId() }
const device = { id: newId(), installationId: newId(), viaAgent: true } as DeviceRow
const at = 1_795_000_000_000
const gaveUp = (key: string): Passage => ({ outcome: 'gave-up', key, agentAt: at })

function desk({
  current = agent.agentId,
  known = [device],
}: {
  current?: string
  known?: DeviceRow[]
} = {}) {
  const recorded: string[] = []
  const receipts: PassagesReceipt[] = []
  let now = at
  let isBroken = false
  const passages = new Passages({
    views: {
      devices: { get: () => known[0] },
      agents: { current: () => ({ agentId: current }) },
    } as never,
    recorder: {
      passage: async (_device, agentId, { key }) => {
        if (isBroken) throw new Error('store down')
        recorded.push(`${agentId} ${key}`)
      },
    },
    link: { command: async (_agent, _kind, text) => void receipts.push(JSON.parse(text)) },
    now: () => now,
  })
  const report = (some: Passage[]) =>
    passages.report(agent, {
      kind: 'passages',
      batch: newId(),
      deviceId: device.id,
      passages: some,
    })
  return {
    ...{ report, recorded, receipts },
    later: (ms: number) => {
      now += ms
    },
    breakStore: () => {
      isBroken = true
    },
  }
}

test('the receipt comes after everything is recorded, and names the batch', async () => {
  const { report, recorded, receipts } = desk()
  await report([gaveUp('a'), gaveUp('b')])
  expect(recorded).toEqual([`${agent.agentId} a`, `${agent.agentId} b`])
  expect(receipts).toHaveLength(1)
})

test('what could not be recorded has no receipt, so the agent tells it again', async () => {
  const { report, receipts, breakStore } = desk()
  breakStore()
  await expect(report([gaveUp('a')])).rejects.toThrow('store down')
  expect(receipts).toEqual([])
})

test('a device of another agent, one that is reached directly, or none: nothing happens', async () => {
  for (const other of [
    desk({ current: newId() }),
    desk({ known: [{ ...device, viaAgent: false }] }),
    desk({ known: [] }),
  ]) {
    await other.report([gaveUp('a')])
    expect([other.recorded, other.receipts]).toEqual([[], []])
  }
})

test('an agent that floods is neither recorded nor answered until the next minute', async () => {
  const { report, recorded, receipts, later } = desk()
  const hundred = Array.from({ length: 100 }, (_, index) => gaveUp(String(index)))
  for (let batch = 0; batch < 30; batch += 1) await report(hundred)
  expect(recorded).toHaveLength(2_000)
  expect(receipts).toHaveLength(20)
  later(60_000)
  await report([gaveUp('later')])
  expect(recorded).toHaveLength(2_001)
})
