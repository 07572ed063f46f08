import { afterAll, expect, test } from 'vitest'
import { createTestLog } from './bundle.fixture.ts'

const size = 12
const log = await createTestLog(size)
afterAll(() => log.close())

test('of a log that is shorter than its checkpoint there is no bundle', async () => {
  const upTo = { ...log.checkpoint, size: size + 1 }
  await expect(log.bundle('selection', { upTo })).rejects.toThrow('shorter than its checkpoint')
})

test('a signature of an agent over a log that was never signed is in no bundle', async () => {
  const witness = log.witnesses[0]
  if (!witness) throw new TypeError('no witness')
  await log.store.evidence.keepCosignature(witness.confirm({ ...log.checkpoint, size: 10 }))
  for (const scope of ['whole', 'selection'] as const)
    await expect(log.bundle(scope)).rejects.toThrow('no checkpoint of 10 events')
})
