/** For tests: a real log with checkpoints, its bundles, and how to open and pack them anew. */
import { createPrivateKey, type JsonWebKey, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type EventType, type Fact, streamKindOf } from '@travessia/schemas/events'
import { originOf, witnessName } from '@travessia/schemas/evidence/checkpoint'
import { cosign, noteKeyText, type Signer, witnessKey } from '@travessia/schemas/evidence/note'
import { newSigner } from '@travessia/schemas/evidence/signer.fixture'
import { readDirectory, readEntry } from '@travessia/schemas/evidence/unzip'
import { newId, systemTenantId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { EvidenceKeys } from '../identity/evidence-keys.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Vault } from '../identity/vault.ts'
import type { BlobStore } from '../store/blob-store.ts'
import { append, event } from '../store/conformance-events.ts'
import type { NewEvent } from '../store/event-store.ts'
import type { EvidenceLog, KeptCheckpoint, KeptCosignature } from '../store/evidence-log.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { type BundleOrder, bundleFile } from './bundle.ts'
import { Checkpointer } from './checkpointer.ts'
import { openFile } from './open-file.ts'
import { zip } from './zip.ts'

export type Files = Readonly<Record<string, string>>

const memory = () => openSecretsDatabase(':memory:')
const newVault = () => new Vault(memory(), '00'.repeat(32))

export function newEvidenceKeys(nodeId: string): EvidenceKeys {
  return new EvidenceKeys(newVault(), nodeId)
}

/** The private keys in a vault, for whoever has broken into it. */
function signersIn(vault: Vault): Signer[] {
  const { keys } = JSON.parse(vault.get(systemTenantId, 'evidence-keys') ?? '') as {
    keys: JsonWebKey[]
  }
  return keys.map((key) => {
    const privateKey = createPrivateKey({ key, format: 'jwk' })
    const publicKey = new Uint8Array(Buffer.from(String(key.x), 'base64url'))
    return { publicKey, sign: (message) => sign(null, message, privateKey) }
  })
}

type More = {
  readonly blobs?: Pick<BlobStore, 'get'>
  readonly upTo?: KeptCheckpoint
  /** Of the device's, in a selection. */
  readonly types?: readonly EventType[]
  readonly signal?: AbortSignal
  /** In place of the events of the device. */
  readonly asked?: { readonly sessionId: string }
  /** Of a server that does not tell everything. */
  readonly evidence?: EvidenceLog
}
const noBlobs = { get: async () => undefined }

export async function createTestLog(events: number) {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-bundle-'))
  const store = await createSqliteStore(join(directory, 'events.db'))
  const [nodeId, tenantId, deviceId] = [newId(), newId(), newId()]
  const vault = newVault()
  const evidenceKeys = new EvidenceKeys(vault, nodeId)
  const stolenKeys = signersIn(vault)
  let hour = 0
  const now = () => Date.UTC(2026, 10, 24, hour)
  const [log, database] = [pino({ enabled: false }), memory()]
  const checkpointer = new Checkpointer({ store, evidenceKeys, database, nodeId, now, log })
  for (let n = 0; n < events; n += 1) {
    await store.append(append({ tenantId, events: [event(n % 4 === 1 ? { deviceId } : {})] }))
    if (n % 10 === 7) await checkpointer.fresh(tenantId)
    hour += 1
  }
  const checkpoint = await checkpointer.fresh(tenantId)
  const witnesses = [newWitness(), newWitness()]
  const confirm = async (witness: Witness, logIndex: number) => {
    const kept = await store.evidence.checkpointOver(tenantId, logIndex)
    if (kept) await store.evidence.keepCosignature(witness.confirm(kept))
  }
  for (const logIndex of [0, 18]) await confirm(witnesses[0] as Witness, logIndex)
  await confirm(witnesses[1] as Witness, events - 1)
  const path = join(directory, 'bundle.zip')
  return {
    ...{ store, evidenceKeys, nodeId, tenantId, deviceId, directory, checkpoint, path, witnesses },
    keys: evidenceKeys.keysOf(originOf(nodeId, tenantId)),
    stolenKeys,
    /** Events more, and a checkpoint over them. */
    async grow(more: number) {
      for (let n = 0; n < more; n += 1)
        await store.append(append({ tenantId, events: [event({ deviceId })] }))
      hour += 1
      return checkpointer.fresh(tenantId)
    },
    /** One more, and a checkpoint over it. */
    async add(fact: Fact, streamId = newId()) {
      const one = { ...event({ deviceId }), ...fact } as NewEvent
      const streamKind = streamKindOf(fact.type)
      await store.append({ ...append({ tenantId, streamKind, streamId }), events: [one] })
      return checkpointer.fresh(tenantId)
    },
    async bundle(scope: 'whole' | 'selection', more: More = {}): Promise<Buffer> {
      const { blobs = noBlobs, upTo = checkpoint, evidence = store.evidence } = more
      const { signal = new AbortController().signal } = more
      const types = more.types && { types: more.types }
      const asked = scope === 'whole' ? {} : (more.asked ?? { deviceId, ...types })
      const order: BundleOrder = {
        ...{ filter: { tenantId, ...asked }, asked, scope, checkpoint: upTo, signal },
      }
      const deps = { store: { evidence }, blobs, evidenceKeys, nodeId, now }
      return buffer(bundleFile(deps, order))
    },
    async close(): Promise<void> {
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export type Witness = ReturnType<typeof newWitness>

/** An agent with a key, which signs what it is given. */
export function newWitness() {
  const [agentId, signer] = [newId(), newSigner()]
  const name = witnessName(agentId)
  const key = witnessKey(name, signer.publicKey)
  const signed = (note: string) => cosign(note, { name, signer, at: 0 })
  return {
    ...{ agentId, key, sign: signed },
    confirm: ({ tenantId, size, note, at }: KeptCheckpoint): KeptCosignature => ({
      ...{ tenantId, agentId, size, line: signed(note), key: noteKeyText(key), at },
    }),
  }
}

export async function unpack(path: string, bytes: Buffer): Promise<Files> {
  writeFileSync(path, bytes)
  const file = await openFile(path)
  const files: Record<string, string> = {}
  for (const [name, entry] of await readDirectory(file))
    files[name] = (await buffer(readEntry(file, entry))).toString('latin1')
  await file.close()
  return files
}

export async function pack(files: Files): Promise<Buffer> {
  const sources = async function* () {
    for (const [name, text] of Object.entries(files))
      yield {
        name,
        data: (async function* () {
          yield Buffer.from(text, 'latin1')
        })(),
      }
  }
  return buffer(zip(sources()))
}
