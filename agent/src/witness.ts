/**
 * Keeps the newest checkpoint of the customer's log, out of reach of whoever runs the cloud, and counter-signs each one that
 * continues it (ADR 23). Killed before the file is replaced: the next one continues the older. Killed after: shown again, it is
 * signed again.
 */
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkJson } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { fromBase64, isSame, toBase64 } from '@travessia/schemas/evidence/bytes'
import {
  type Checkpoint,
  openCheckpoint,
  parseCheckpoint,
  witnessName,
} from '@travessia/schemas/evidence/checkpoint'
import { firstKeys, followKeys, keysName } from '@travessia/schemas/evidence/key-changes'
import { isConsistent } from '@travessia/schemas/evidence/merkle'
import { cosign, noteKey, noteText, type Signer } from '@travessia/schemas/evidence/note'
import { putNewest } from '@travessia/schemas/newest'
import {
  type CheckpointOrder,
  type CheckpointReport,
  checkpointOrderSchema,
  type RefusalReason,
} from '@travessia/schemas/witness'
import type { JWK } from 'jose'
import type { Logger } from 'pino'
import { type Static, Type } from 'typebox'
import { replaceFile } from './durable-file.ts'

/** Notes that were shown lately: a broker may bring one twice, after a newer one. */
const remembered = 32

const texts = Type.Array(Type.String())
const keptSchema = Type.Object({
  /** With our own signature. */
  note: Type.String(),
  /** Changes of keys up to then, and the keys that signed. */
  changes: texts,
  keys: texts,
})
type Kept = Static<typeof keptSchema> & { readonly checkpoint: Checkpoint }
const isKept = compile(keptSchema)
const isOrder = compile(checkpointOrderSchema)

type Verdict =
  | { readonly is: 'continued'; readonly size: number; readonly keys: readonly Uint8Array[] }
  | { readonly is: 'unproven' }
  | { readonly is: 'refused'; readonly reason: RefusalReason; readonly shown: number }

type Deps = {
  readonly path: string
  readonly agent: { readonly tenantId: string; readonly agentId: string; readonly privateKey: JWK }
  readonly report: (report: CheckpointReport) => unknown
  readonly now: () => number
  readonly log: Logger
}

export class Witness {
  readonly #deps: Deps
  readonly #shown = new Map<string, CheckpointReport>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  receive(payload: string): void {
    const { log, report } = this.#deps
    try {
      const order = checkJson(isOrder, payload)
      report(this.#shown.get(payload) ?? this.#answer(order, payload))
    } catch (error) {
      log.error({ err: error }, 'checkpoint not taken')
    }
  }

  #answer(order: CheckpointOrder, payload: string): CheckpointReport {
    const { agent, path } = this.#deps
    const kept = readKept(path)
    const verdict = judge(order, kept, agent.tenantId)
    const size = kept?.checkpoint.size ?? 0
    if (verdict.is === 'unproven') return { kind: 'checkpoint', size }
    const answer: CheckpointReport =
      verdict.is === 'continued'
        ? { kind: 'checkpoint', size: verdict.size, cosignature: this.#keep(order, verdict.keys) }
        : { kind: 'checkpoint', size, refused: this.#refuse(verdict, kept) }
    putNewest(this.#shown, [payload, answer], remembered)
    return answer
  }

  /** @returns our signature, once the note is durable */
  #keep({ note, keys: changes }: CheckpointOrder, keys: readonly Uint8Array[]): string {
    const { agent, path, now } = this.#deps
    const name = witnessName(agent.agentId)
    const line = cosign(note, { name, signer: signerOf(agent.privateKey), at: now() })
    const kept: Static<typeof keptSchema> = { note: note + line, changes, keys: keys.map(toBase64) }
    replaceFile(path, `${JSON.stringify(kept)}\n`)
    return line
  }

  #refuse(
    { reason, shown }: Extract<Verdict, { is: 'refused' }>,
    kept: Kept | undefined,
  ): NonNullable<CheckpointReport['refused']> {
    this.#deps.log.error(
      { reason, keptSize: kept?.checkpoint.size ?? 0, shownSize: shown },
      'the log of the cloud is not a continuation of the one that this agent has confirmed',
    )
    return { reason, shown, note: kept?.note ?? '' }
  }
}

/** Beside the configuration. */
export function witnessPathOf(configPath: string): string {
  return join(dirname(configPath), 'checkpoint.json')
}

/** undefined: nothing was confirmed yet. @throws TravessiaError MESSAGE_INVALID for a file that is none of ours */
export function readKept(path: string): Kept | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const kept = checkJson(isKept, text)
  const checkpoint = parseCheckpoint(noteText(kept.note))
  if (!checkpoint) throw new TravessiaError('MESSAGE_INVALID', { at: '/note', problem: path })
  return { ...kept, checkpoint }
}

function judge(order: CheckpointOrder, kept: Kept | undefined, tenantId: string): Verdict {
  const refused = (reason: RefusalReason, shown = 0): Verdict => ({ is: 'refused', reason, shown })
  const claimed = parseCheckpoint(noteText(order.note))
  if (!claimed) return refused('signature')
  const { origin, size } = claimed
  const before = kept?.checkpoint
  const isOurs = before ? origin === before.origin : origin.endsWith(`/${tenantId}`)
  if (!isOurs) return refused('origin', size)
  const keys = keysFor(order, origin, kept)
  const noteKeys = keys.map((key) => noteKey(origin, key))
  const shown = openCheckpoint(order.note, noteKeys)
  if (!shown) return refused('signature', size)
  if (!before) return { is: 'continued', size, keys }
  if (size < before.size) return refused('shorter', size)
  if (size === before.size)
    return isSame(shown.root, before.root)
      ? { is: 'continued', size, keys }
      : refused('inconsistent', size)
  if (order.from !== before.size) return { is: 'unproven' }
  return isConsistent(before, shown, order.proof.map(fromBase64))
    ? { is: 'continued', size, keys }
    : refused('inconsistent', size)
}

/** The first time those that vouch for themselves; from then on only who was vouched for by the ones before. */
function keysFor(
  { keys: changes }: CheckpointOrder,
  origin: string,
  kept: Kept | undefined,
): readonly Uint8Array[] {
  const name = keysName(origin)
  if (!kept) return firstKeys(name, changes)
  const isLonger = kept.changes.every((change, index) => change === changes[index])
  const news = changes.slice(kept.changes.length)
  return isLonger ? followKeys(name, news, kept.keys.map(fromBase64)).current : []
}

function signerOf(jwk: JWK): Signer {
  const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' })
  return { publicKey: fromBase64Url(String(jwk.x)), sign: (message) => sign(null, message, key) }
}

function fromBase64Url(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64url'))
}
