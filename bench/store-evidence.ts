/** How quickly `npm run verify` checks the whole log of a customer. */
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { verifyBundle } from '@travessia/schemas/evidence/verify'
import { verdictOf } from '@travessia/schemas/evidence/verify-report'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { newEvidenceKeys } from '../api/src/audit/bundle.fixture.ts'
import { bundle } from '../api/src/audit/bundle.ts'
import { Checkpointer } from '../api/src/audit/checkpointer.ts'
import { openFile } from '../api/src/audit/open-file.ts'
import { zip } from '../api/src/audit/zip.ts'
import { openSecretsDatabase } from '../api/src/identity/secrets-database.ts'
import type { EventStore } from '../api/src/store/event-store.ts'
import { cast, fill, manyAppends } from '../api/src/store/many-events.fixture.ts'

const most = 100_000

/** @returns events a second */
export async function verified(
  store: EventStore,
  { directory, events }: { directory: string; events: number },
): Promise<number> {
  const people = cast()
  const { tenantId } = people
  const [nodeId, log] = [newId(), pino({ enabled: false })]
  const evidenceKeys = newEvidenceKeys(nodeId)
  await fill(store, manyAppends(people, Math.min(most, events)))
  const deps = {
    store,
    evidenceKeys,
    database: openSecretsDatabase(':memory:'),
    nodeId,
    now: Date.now,
    log,
  }
  const checkpoint = await new Checkpointer(deps).fresh(tenantId)
  const { signal } = new AbortController()
  const order = { filter: { tenantId }, asked: {}, scope: 'whole', checkpoint, signal } as const
  const files = bundle({ ...deps, blobs: { get: async () => undefined } }, order)
  const path = join(directory, 'bundle.zip')
  await pipeline(Readable.from(zip(files)), createWriteStream(path))
  const keys = evidenceKeys.keysOf(originOf(nodeId, tenantId))
  const file = await openFile(path)
  const begun = performance.now()
  const report = await verifyBundle(file, { keys })
  const seconds = (performance.now() - begun) / 1000
  await file.close()
  if (verdictOf(report) !== 'intact') throw new Error('the bundle does not verify')
  return report.events / seconds
}
