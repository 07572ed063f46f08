import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toBase64 } from '@travessia/schemas/evidence/bytes'
import {
  checkpointText,
  openCheckpoint,
  originOf,
  witnessName,
} from '@travessia/schemas/evidence/checkpoint'
import { keyListText, keysName } from '@travessia/schemas/evidence/key-changes'
import {
  consistencySpans,
  Frontier,
  leafHash,
  SubtreeHashes,
} from '@travessia/schemas/evidence/merkle'
import {
  noteKey,
  openNote,
  type Signer,
  signNote,
  witnessKey,
} from '@travessia/schemas/evidence/note'
import { newId } from '@travessia/schemas/ids'
import type { CheckpointOrder, CheckpointReport } from '@travessia/schemas/witness'
import type { JWK } from 'jose'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './fixtures.ts'
import { Witness } from './witness.ts'

function newKey(): Signer & { jwk: JWK } {
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk = privateKey.export({ format: 'jwk' }) as JWK
  const publicKey = new Uint8Array(Buffer.from(String(jwk.x), 'base64url'))
  return { jwk, publicKey, sign: (message) => sign(null, message, privateKey) }
}

const [nodeId, tenantId, agentId] = [newId(), newId(), newId()]
const origin = originOf(nodeId, tenantId)
const own = newKey()
const witnessed = witnessKey(witnessName(agentId), own.publicKey)

/** A log, whose leaves from `forkAt` on are others. */
function leavesOf(size: number, forkAt = size): Uint8Array[] {
  return Array.from({ length: size }, (_, n) => leafHash(n < forkAt ? `${n}` : `other ${n}`))
}

type Wanted = {
  from?: number
  forkAt?: number
  origin?: string
  by?: Signer[]
  keys?: string[]
}
const one = newKey()
const listed = (keys: Signer[], by = keys) =>
  signNote(keysName(origin), keyListText(keys.map(({ publicKey }) => publicKey)), by)
const first = listed([one])

function order(size: number, wanted: Wanted = {}): CheckpointOrder {
  const { from = 0, forkAt, by = [one], keys = [first] } = wanted
  const hashes = new SubtreeHashes()
  const spans = from <= size ? consistencySpans(from, size) : []
  for (const span of spans) hashes.want(span)
  const frontier = new Frontier()
  for (const leaf of leavesOf(size, forkAt)) frontier.push(leaf, hashes.see)
  const named = wanted.origin ?? origin
  const text = checkpointText({ origin: named, size, root: frontier.root() })
  const proof = spans.map((span) => toBase64(hashes.hashOf(span)))
  return { note: signNote(named, text, by), from, proof, keys }
}

function start(directory = temporaryDirectory()) {
  const path = join(directory, 'checkpoint.json')
  const reports: CheckpointReport[] = []
  const lines: string[] = []
  const witness = new Witness({
    ...{ path, agent: { tenantId, agentId, privateKey: own.jwk }, now: Date.now },
    report: (report) => reports.push(report),
    log: pino({}, { write: (line: string) => void lines.push(line) }),
  })
  const show = (shown: CheckpointOrder) => {
    witness.receive(JSON.stringify(shown))
    return reports.at(-1)
  }
  const kept = () => JSON.parse(readFileSync(path, 'utf8')) as { note: string }
  const errors = () => lines.filter((line) => line.includes('"level":50')).length
  return { show, kept, errors, reports, directory, path }
}

function requireSigned(shown: CheckpointOrder, report: CheckpointReport | undefined): void {
  const opened = openNote(shown.note + (report?.cosignature ?? ''), [witnessed])
  expect(opened?.by).toEqual([witnessed])
}

test('the first checkpoint is kept and signed, each next one that continues it too, on disk before the answer', () => {
  const { show, kept } = start()
  for (const shown of [order(5), order(9, { from: 5 }), order(300, { from: 9 })]) {
    const report = show(shown)
    requireSigned(shown, report)
    expect(kept().note).toBe(shown.note + report?.cosignature)
    const logKey = noteKey(origin, one.publicKey)
    expect(openCheckpoint(kept().note, [logKey])?.size).toBe(report?.size)
  }
})

test('after a restart the agent goes on from what it kept, and the same once more is signed once more', () => {
  const before = start()
  before.show(order(5))
  const { show } = start(before.directory)
  requireSigned(order(5), show(order(5)))
  requireSigned(order(8, { from: 5 }), show(order(8, { from: 5 })))
  expect(start(before.directory).show(order(12, { from: 5 }))).toEqual({
    kind: 'checkpoint',
    size: 8,
  })
})

test.each([
  ['is shorter: an older backup was put back', order(6), 'shorter', 6],
  ['has another event in the middle', order(20, { from: 9, forkAt: 4 }), 'inconsistent', 20],
  ['has another newest event of the same size', order(9, { forkAt: 8 }), 'inconsistent', 9],
  [
    'goes on from something else, with no proof',
    { ...order(20, { from: 9 }), proof: [] },
    'inconsistent',
    20,
  ],
  ['is signed by another key', order(20, { from: 9, by: [newKey()] }), 'signature', 20],
  ['is not signed at all', order(20, { from: 9, by: [] }), 'signature', 20],
  ['is no checkpoint', { ...order(20), note: 'x' }, 'signature', 0],
  [
    'is of another deployment',
    order(20, { from: 9, origin: originOf(newId(), tenantId) }),
    'origin',
    20,
  ],
  ['is of another tenant', order(20, { from: 9, origin: originOf(nodeId, newId()) }), 'origin', 20],
  [
    'lists other keys than before',
    order(20, { from: 9, keys: [listed([one, newKey()], [one])] }),
    'signature',
    20,
  ],
])(
  'a checkpoint that %s is refused loudly, and the older one stays',
  (_what, shown, reason, size) => {
    const { show, kept, errors } = start()
    show(order(9))
    const { note } = kept()
    const report = show(shown)
    expect(report).toEqual({
      ...{ kind: 'checkpoint', size: 9 },
      refused: { reason, shown: size, note },
    })
    expect(kept().note).toBe(note)
    expect(errors()).toBe(1)
  },
)

test('the first checkpoint must be of the own tenant and signed by the keys that vouch for themselves', () => {
  for (const [shown, reason] of [
    [order(5, { origin: originOf(nodeId, newId()) }), 'origin'],
    [order(5, { by: [newKey()] }), 'signature'],
    [order(5, { keys: [] }), 'signature'],
    [order(5, { keys: [listed([newKey()], [one])] }), 'signature'],
  ] as const) {
    const { show } = start()
    expect(show(shown)).toMatchObject({ size: 0, refused: { reason } })
  }
})

test('a new key is taken when a known one vouches for it, a retired one never again', () => {
  const [two, thief] = [newKey(), newKey()]
  const both = listed([one, two])
  const retired = listed([two], [two, one])
  const { show } = start()
  show(order(3))
  const stranger = { from: 3, keys: [first, listed([thief])], by: [thief] }
  expect(show(order(5, stranger))?.refused?.reason).toBe('signature')
  const added = { from: 3, keys: [first, both], by: [two] }
  requireSigned(order(5, added), show(order(5, added)))
  const all = [first, both, retired]
  requireSigned(
    order(6, { from: 5, keys: all, by: [two] }),
    show(order(6, { from: 5, keys: all, by: [two] })),
  )
  for (const wrong of [
    { from: 6, keys: all, by: [one] },
    { from: 6, keys: [first, both], by: [one] },
    { from: 6, keys: [...all, listed([one, thief], [one, thief])], by: [thief] },
  ])
    expect(show(order(8, wrong))?.refused?.reason).toBe('signature')
})

test('what a broker brings once more, after a newer one, is answered as before and is no alarm', () => {
  const { show, errors } = start()
  const [older, newer] = [order(5), order(9, { from: 5 })]
  const before = show(older)
  show(newer)
  expect(show(older)).toEqual(before)
  expect(errors()).toBe(0)
})

test('of what a broker brings once more the last 32 are known', () => {
  const { show } = start()
  const orders = Array.from({ length: 34 }, (_, n) => order(n + 1, { from: n }))
  for (const shown of orders) requireSigned(shown, show(shown))
  const [, second, third] = orders as [CheckpointOrder, CheckpointOrder, CheckpointOrder]
  requireSigned(third, show(third))
  expect(show(second)).toMatchObject({ refused: { reason: 'shorter' } })
})

test('what is no message is answered with nothing, and what was kept cannot be read confirms nothing', () => {
  const { show, reports, path, errors } = start()
  show({} as never)
  expect(reports).toEqual([])
  writeFileSync(path, '{}')
  show(order(5))
  writeFileSync(path, JSON.stringify({ note: 'x\n\n', changes: [], keys: [] }))
  show(order(5))
  expect(reports).toEqual([])
  expect(errors()).toBe(3)
})
