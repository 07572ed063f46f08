/** The one place that says where blobs are kept. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { SubjectKeys } from '../identity/subject-keys.ts'
import { BlobStore } from './blob-store.ts'

type Where = Pick<Config, 'DATA_DIR' | 'BLOBS_MAX_GIB'>

export function openBlobs({ DATA_DIR, BLOBS_MAX_GIB }: Where, keys: SubjectKeys): BlobStore {
  const directory = join(DATA_DIR, 'blobs')
  return new BlobStore({ directory, keys, maxBytes: BLOBS_MAX_GIB * 2 ** 30, now: Date.now })
}
