import { afterAll, expect, test } from 'vitest'
import { createTestLog } from './bundle.fixture.ts'

const size = 12
const log = await createTestLog(size)
afterAll(() => log.close())

test('of a log that is shorter than its checkpoint there is no bundle', async () => {
  const upTo = { ...log.checkpoint, size: size + 1 }
  await expect(log.bundle('selection', { upTo })).rejects.toThrow('shorter than its checkpoint')
})

/** What a reader must know: 2.0, and for zip64 4.5. */
test.each([
  [10_000, 1, 20],
  [10_001, 2, 45],
])(
  'a whole log of %i events has each %i. of its checkpoints in its bundle, which is a zip of version %i',
  async (size, each, version) => {
    const asked: number[] = []
    const checkpoints = async (_tenantId: string, every: number) => {
      asked.push(every)
      return []
    }
    const evidence = new Proxy(log.store.evidence, {
      get: (on, name) => (name === 'checkpoints' ? checkpoints : Reflect.get(on, name).bind(on)),
    })
    const bytes = await log.bundle('whole', { upTo: { ...log.checkpoint, size }, evidence })
    expect([asked, bytes.readUInt16LE(4)]).toEqual([[each], version])
  },
)

test('a signature of an agent over a log that was never signed is in no bundle', async () => {
  const witness = log.witnesses[0]
  if (!witness) throw new TypeError('no witness')
  await log.store.evidence.keepCosignature(witness.confirm({ ...log.checkpoint, size: 10 }))
  for (const scope of ['whole', 'selection'] as const)
    await expect(log.bundle(scope)).rejects.toThrow('no checkpoint of 10 events')
})
