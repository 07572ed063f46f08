import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditEvent } from '@travessia/schemas/api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CustomerFeeds, span } from './feeds.fixture.ts'

let customer: CustomerFeeds
beforeEach(async () => {
  customer = await CustomerFeeds.start()
})
afterEach(() => customer.stop())

/** What a shipper reads: the whole lines of all files, in their order. */
function shipped(id: string): number[] {
  const folder = join(customer.deps.filesDir, customer.tenantId, id)
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => (JSON.parse(line) as AuditEvent).position)
}

test('a feed into files has every event once, whole, and goes on where it was', async () => {
  const id = await customer.add('file:', 'file')
  await customer.write(250)
  await vi.waitFor(() => expect(shipped(id)).toEqual(span(1, 251)), 10_000)
  await customer.feeds.stop()
  const folder = join(customer.deps.filesDir, customer.tenantId, id)
  appendFileSync(join(folder, readdirSync(folder)[0] ?? ''), '{"position":2')
  await customer.write(2)
  await customer.startAgain()
  await vi.waitFor(() => expect(shipped(id)).toEqual(span(1, 253)), 10_000)
})

test('killed between line and place: the batch is there twice, and nothing is missing', async () => {
  const id = await customer.add('file:', 'file')
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(1), 10_000)
  await customer.feeds.stop()
  customer.feeds.forget({ tenantId: customer.tenantId, id })
  customer.feeds.seal({ tenantId: customer.tenantId, id }, { url: 'file:', secret: null })
  await customer.startAgain()
  await vi.waitFor(() => expect(shipped(id)).toEqual([1, 1]), 10_000)
})
