/** What the verifier says of agents that have signed the log, and of those that have signed another one. */
import { checkpointText, originOf } from '@travessia/schemas/evidence/checkpoint'
import { fileNames } from '@travessia/schemas/evidence/manifest'
import { leafHash } from '@travessia/schemas/evidence/merkle'
import { type NoteKey, noteKeyText, witnessKey } from '@travessia/schemas/evidence/note'
import { reportLines } from '@travessia/schemas/evidence/verify-report'
import { afterAll, expect, test } from 'vitest'
import { type Files, newWitness, type Witness } from './bundle.fixture.ts'
import { bundledLogs, changed, linesOf } from './verify.fixture.ts'

const size = 41
const logs = await bundledLogs(size)
const { log, other, checkFiles, whole, selection } = logs
afterAll(logs.close)

type WitnessLine = { note: string; witness: string }
const witnessesOf = (files: Files) => linesOf(files[fileNames.witnesses])

test('each agent that has signed is told with how far it confirms, and whether its key is known from elsewhere', async () => {
  const [first, second] = log.witnesses as [Witness, Witness]
  for (const files of [whole, selection]) {
    const own = await checkFiles(files)
    expect(own.witnesses).toEqual([
      { name: second.key.name, size, isKeyGiven: false },
      { name: first.key.name, size: 28, isKeyGiven: false },
    ])
    const known = await checkFiles(files, [...log.keys, first.key])
    expect(known.witnesses.map(({ isKeyGiven }) => isKeyGiven)).toEqual([false, true])
    const text = reportLines(known.report, 5).join('\n')
    expect(text).toContain('2 agents confirm every event up to #27')
    expect(text).toContain(`${first.key.name} up to #27, by the key that you gave`)
  }
  const none = await checkFiles({ ...whole, [fileNames.witnesses]: '' })
  expect(reportLines(none.report, 5).join('\n')).toContain('none: who holds database and key')
})

test('an agent that has signed another log of the same size is a fork, in a bundle of the whole and in a selection', async () => {
  const [witness] = log.witnesses as [Witness]
  const origin = originOf(log.nodeId, log.tenantId)
  const text = checkpointText({ origin, size: 28, root: leafHash('another') })
  // Everybody has signed it: the log with its right key, and the agent.
  const note = log.evidenceKeys.sign(origin, text)
  for (const files of [whole, selection]) {
    const [line = ''] = witnessesOf(files).filter((one) => one.includes(witness.agentId))
    const forked = JSON.stringify({ ...JSON.parse(line), note: note + witness.sign(note) })
    const latin1 = Buffer.from(forked).toString('latin1')
    const report = await checkFiles(changed(files, 'witnesses', [latin1]))
    expect(report.wrong).toContain(`FORK: ${witness.key.name} has signed another log of 28 events`)
    expect(report.witnesses).toEqual([])
  }
})

test('an agent that has confirmed more events than there are is said to miss them', async () => {
  const [witness] = log.witnesses as [Witness]
  const origin = originOf(log.nodeId, log.tenantId)
  const note = log.evidenceKeys.sign(
    origin,
    checkpointText({ origin, size: size + 5, root: leafHash('later') }),
  )
  const line = { note: note + witness.sign(note), witness: noteKeyText(witness.key) }
  const latin1 = Buffer.from(JSON.stringify(line)).toString('latin1')
  const report = await checkFiles(changed(whole, 'witnesses', [latin1]))
  expect(report.missing).toEqual([
    `${witness.key.name} has confirmed ${size + 5} events, here are ${size}`,
  ])
})

test.each([
  [
    'another key beside it',
    (line: WitnessLine) => ({ ...line, witness: noteKeyText(newWitness().key) }),
  ],
  [
    'a key of a log',
    (line: WitnessLine) => ({ ...line, witness: noteKeyText(log.keys[0] as NoteKey) }),
  ],
  [
    'no signature',
    (line: WitnessLine) => ({
      ...line,
      note: line.note.slice(0, line.note.lastIndexOf('— travessia/agent')),
    }),
  ],
  [
    'a checkpoint of another log',
    (line: WitnessLine, witness: Witness) => ({
      ...line,
      note: other.checkpoint.note + witness.sign(other.checkpoint.note),
    }),
  ],
])('a witness with %s has signed nothing', async (_what, change) => {
  const witness = log.witnesses[1] as Witness
  const [line = ''] = witnessesOf(whole)
  const wrong = change(JSON.parse(Buffer.from(line, 'latin1').toString()), witness)
  const latin1 = Buffer.from(JSON.stringify(wrong)).toString('latin1')
  const report = await checkFiles(changed(whole, 'witnesses', [latin1]))
  expect(report.wrong).toContain('witness 1 has not signed what stands here')
  expect(report.witnesses).toEqual([])
})

test('a witness whose name the reader knows with another key has signed nothing', async () => {
  const { name } = (log.witnesses[1] as Witness).key
  const known = witnessKey(name, newWitness().key.publicKey)
  const report = await checkFiles(whole, [...log.keys, known])
  expect(report.wrong).toEqual(['witness 1 has not signed what stands here'])
})
