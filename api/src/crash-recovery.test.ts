import type { CommandOrder } from '@travessia/schemas/commands'
import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test } from 'vitest'
import { request, startBus } from './bus/command-bus.fixture.ts'
import type { Outstanding } from './bus/dispatcher.ts'
import { recover } from './crash-recovery.ts'

const at = await startBus()
afterAll(at.stop)

/** What a start takes up, with the clock at `now`. */
async function takenUp(now: number) {
  const all: Array<{ order: CommandOrder } & Partial<Outstanding>> = []
  const dispatcher = {
    add: (order: CommandOrder, known?: object) => void all.push({ order, ...known }),
  }
  const fileSender = { start: async () => undefined }
  const { store, views } = at
  await recover({
    ...{ store, views, dispatcher, fileSender, nodeId: newId(), version: '0', now: () => now },
    recorder: { agentIntent: async () => undefined },
  } as never)
  return all
}

test('an order is sent again after a restart with the time of its issue, and not by a clock that is behind it', async () => {
  const { commandId, expiresAt } = await at.bus.issue(request())
  const issuedAt = at.clock.now
  const times = { notBefore: issuedAt, expiresAt: Date.parse(expiresAt) }
  const order = expect.objectContaining({ id: commandId, ...times })
  expect(await takenUp(issuedAt + 2_000)).toEqual([{ order, status: 'issued', handedOver: true }])
  expect(await takenUp(issuedAt - 300_000)).toEqual([
    { order, status: 'delivered', handedOver: true },
  ])
})
