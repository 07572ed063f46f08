import { createHash } from 'node:crypto'
import { toBase64 } from '@travessia/schemas/evidence/bytes'
import { fileNames } from '@travessia/schemas/evidence/manifest'
import { leafHash } from '@travessia/schemas/evidence/merkle'
import { noteKeyText } from '@travessia/schemas/evidence/note'
import { afterAll, expect, test } from 'vitest'
import type { Files } from './bundle.fixture.ts'
import {
  bundledLogs,
  changed,
  eventsOf,
  linesOf,
  nameOf,
  proofsOf,
  rangeOf,
  resigned,
  unprovenAt,
} from './verify.fixture.ts'

const size = 41
const logs = await bundledLogs(size)
const { log, other, check, checkFiles, whole, selection } = logs
afterAll(logs.close)

/** `named`: the first thing that the verifier says, word for word. */
type Altered = { readonly files: Files; readonly named: string }
type Random = (below: number) => number

/** The same at each run. */
function seeded(seed: number): Random {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const two = (random: Random, count: number): [number, number] => {
  const i = random(count - 1)
  return [i, i + 1 + random(count - 1 - i)]
}

const misled = 'does not lead to what was signed'
const unsigned = `${fileNames.manifest} is not signed by ${log.keys.map(noteKeyText)}`

/** What may be done to a bundle, and what the verifier must name. */
const alterations: Record<string, (files: Files, random: Random) => Altered> = {
  'a byte of an event flipped': (files, random) => {
    const events = eventsOf(files)
    const n = random(events.length)
    const line = Buffer.from(events[n] ?? '', 'latin1')
    const at = random(line.length)
    line[at] = (line[at] ?? 0) ^ (1 << random(7)) || 1
    if (line[at] === 10) line[at] = 11
    const named = `event ${nameOf(files, n)} was altered`
    return { files: changed(files, 'events', events.with(n, line.toString('latin1'))), named }
  },
  'an event deleted': (files, random) => {
    const events = eventsOf(files)
    const n = random(events.length)
    const named = `event ${nameOf(files, n)} is missing`
    return { files: changed(files, 'events', events.toSpliced(n, 1)), named }
  },
  'an event and its proof deleted': (files, random) => {
    const n = random(eventsOf(files).length)
    const less = changed(files, 'events', eventsOf(files).toSpliced(n, 1))
    const { logIndex, path } = JSON.parse(proofsOf(files)[n] ?? '')
    const [first] = unprovenAt(files, logIndex)
    const rest = path ? '' : `, and without it nothing from #${first} on can be proven`
    const named = `event #${logIndex} is missing${rest}`
    return { files: changed(less, 'proofs', proofsOf(files).toSpliced(n, 1)), named }
  },
  'two events exchanged': (files, random) => {
    const events = eventsOf(files)
    const [i, j] = two(random, events.length)
    const swapped = events.with(i, events[j] ?? '').with(j, events[i] ?? '')
    const named = `event ${nameOf(files, j)} stands in another place`
    return { files: changed(files, 'events', swapped), named }
  },
  'an event repeated': (files, random) => {
    const events = eventsOf(files)
    const [i, j] = two(random, events.length)
    const named = `event ${nameOf(files, i)} is there again`
    return { files: changed(files, 'events', events.toSpliced(j, 0, events[i] ?? '')), named }
  },
  'an event invented': (files, random) => {
    const events = eventsOf(files)
    const n = random(events.length + 1)
    const invented = JSON.stringify({ ...JSON.parse(events[0] ?? ''), id: 'i'.repeat(26) })
    const named = `event ${'i'.repeat(26)} was never logged`
    return { files: changed(files, 'events', events.toSpliced(n, 0, invented)), named }
  },
  'the leaves of two proofs exchanged': (files, random) => {
    const proofs = proofsOf(files)
    const [i, j] = two(random, proofs.length)
    const [a, b] = [JSON.parse(proofs[i] ?? ''), JSON.parse(proofs[j] ?? '')]
    const swapped = proofs
      .with(i, JSON.stringify({ ...a, leaf: b.leaf }))
      .with(j, JSON.stringify({ ...b, leaf: a.leaf }))
    return {
      files: changed(files, 'proofs', swapped),
      named: `the proof of event #${a.logIndex} ${a.id} ${misled}`,
    }
  },
  'two proofs exchanged': (files, random) => {
    const proofs = proofsOf(files)
    const [i, j] = two(random, proofs.length)
    const swapped = proofs.with(i, proofs[j] ?? '').with(j, proofs[i] ?? '')
    const named = `the proof of event ${nameOf(files, j)} stands where another one belongs`
    return { files: changed(files, 'proofs', swapped), named }
  },
  'an event changed together with its leaf': (files, random) => {
    const n = random(eventsOf(files).length)
    const proof = JSON.parse(proofsOf(files)[n] ?? '')
    const event = JSON.stringify({ id: proof.id })
    const leaf = toBase64(leafHash(event))
    const proofs = proofsOf(files).with(n, JSON.stringify({ ...proof, leaf }))
    const events = eventsOf(files).with(n, event)
    const both = changed(changed(files, 'events', events), 'proofs', proofs)
    const named = proof.path
      ? `the proof of event ${nameOf(files, n)} ${misled}`
      : rangeOf(unprovenAt(files, proof.logIndex))
    return { files: both, named }
  },
  'a checkpoint of another log': (files, random) => {
    const lines = linesOf(files[fileNames.checkpoints])
    const n = random(lines.length)
    const strange = lines.with(n, JSON.stringify({ note: other.checkpoint.note }))
    const named = `checkpoint ${n + 1} is not signed for this log by this key`
    return { files: changed(files, 'checkpoints', strange), named }
  },
  'an older checkpoint as the last one': (files, random) => {
    const lines = linesOf(files[fileNames.checkpoints])
    const older = lines.slice(0, 1 + random(lines.length - 1))
    return {
      files: changed(files, 'checkpoints', older),
      named: `the last checkpoint is not that of ${size} events`,
    }
  },
  'the time of a checkpoint altered': (files, random) => {
    const lines = linesOf(files[fileNames.checkpoints])
    const n = random(lines.length)
    const at = { ...JSON.parse(lines[n] ?? ''), at: '2026-01-01T00:00:00.000Z' }
    const named = `${fileNames.checkpoints} is not the file that was signed`
    return { files: changed(files, 'checkpoints', lines.with(n, JSON.stringify(at))), named }
  },
  'the last line end of a file removed': (files, random) => {
    const name = [fileNames.events, fileNames.proofs, fileNames.checkpoints][random(3)] ?? ''
    const cut = (files[name] ?? '').slice(0, -1)
    return { files: { ...files, [name]: cut }, named: `${name} is not the file that was signed` }
  },
  'the signatures of another key': (files) => ({
    files: resigned(log, files),
    named: unsigned,
  }),
  'a byte of the manifest flipped': (files, random) => {
    const note = Buffer.from(files[fileNames.manifest] ?? '', 'latin1')
    const at = random(note.lastIndexOf('\n\n'))
    note[at] = (note[at] ?? 0) ^ 1
    return {
      files: { ...files, [fileNames.manifest]: note.toString('latin1') },
      named: unsigned,
    }
  },
  'a file removed': (files, random) => {
    const name = [fileNames.events, fileNames.proofs, fileNames.checkpoints][random(3)] ?? ''
    const isPathed = JSON.parse(proofsOf(files)[0] ?? '').path !== undefined
    const named =
      name === fileNames.events
        ? `event ${nameOf(files, 0)} is missing`
        : name === fileNames.proofs && isPathed
          ? `event ${nameOf(files, 0)} has no proof`
          : `${name} is not there`
    return {
      files: Object.fromEntries(Object.entries(files).filter(([one]) => one !== name)),
      named,
    }
  },
}

const rounds = 110
const done = new Set<string>()
const fingerprint = (files: Files) =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(files).sort()))
    .digest('hex')

test.each(Object.entries(alterations))(
  'with %s, each time another one, the verifier names it first, and accuses no agent',
  async (_what, alter) => {
    const random = seeded(2026)
    for (let round = 0; round < rounds; round += 1)
      for (const files of [whole, selection]) {
        const altered = alter(files, random)
        const print = fingerprint(altered.files)
        if (done.has(print)) continue
        done.add(print)
        const { wrong, missing } = await checkFiles(altered.files)
        expect((wrong[0] ?? missing[0])?.trim()).toBe(altered.named)
        expect(wrong.join()).not.toContain('FORK')
      }
  },
  120_000,
)

test('those were more than a thousand different alterations', () => {
  expect(done.size).toBeGreaterThan(1_000 + rounds * 2)
})

test('a flipped byte of the packed file changes nothing, or is found', async () => {
  const random = seeded(7)
  const bytes = await log.bundle('whole')
  const [intact] = [await check(bytes)]
  for (let round = 0; round < 60; round += 1) {
    const flipped = Buffer.from(bytes)
    const at = random(bytes.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8))
    const report = await check(flipped).catch((error: unknown) => {
      expect(error).toBeInstanceOf(RangeError)
      return undefined
    })
    if (report && report.wrong.length + report.missing.length === 0) expect(report).toEqual(intact)
  }
}, 60_000)
