/**
 * `npm run torture -- commands`: opens gates while node and agents are killed, the network is cut and goes silent,
 * and clocks jump; then compares the devices' own counters with the log. 0 lost, 0 double, 0 late.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { endWithUsage, readArguments } from '../../api/src/command-line.ts'
import { eventually } from '../../rig/eventually.ts'
import { stopChildren } from '../children.ts'
import { createField, type Field } from './field.ts'
import { type Check, judge, outcomesOf } from './judge.ts'
import { checkStore, readFacts } from './log.ts'
import { Phones } from './phones.ts'
import { planTrouble, TroubleMaker, unsettleDevices } from './trouble.ts'
import { leave, leftOpen, visit } from './visitor.ts'

const progressMs = 5_000
const shownProblems = 5
const size = { agents: 3, gatesPerAgent: 3 }
const backWithinMs = 60_000

const usage = `Usage: npm run torture -- commands [--commands N] [--kills N] [--cuts N] [--seed S] [--report FILE]`
const { positionals, values } = readArguments(usage, {
  allowPositionals: true,
  options: {
    commands: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '200' },
    cuts: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'string' },
  },
})
const numbers = {
  commands: Number(values.commands),
  kills: Number(values.kills),
  cuts: Number(values.cuts),
}
const seed = Number(values.seed)
const areWhole = [...Object.values(numbers), seed].every((n) => Number.isInteger(n) && n >= 0)
if (positionals.join() !== 'commands' || !areWhole || numbers.commands === 0) endWithUsage(usage)
/** Far beyond what a busy machine needs: what is not done then counts as failed. */
const limitMs = 180_000 + numbers.commands * 60 + (numbers.kills + 2 * numbers.cuts) * 12_000

const directory = mkdtempSync(join(tmpdir(), 'travessia-torture-'))
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void breakOff())

async function breakOff(): Promise<void> {
  interrupted.abort()
  await stopChildren()
  rmSync(directory, { recursive: true, force: true })
  process.exit(130)
}

const begun = performance.now()
console.log(`Torture of commands, seed ${seed}: ${JSON.stringify(numbers)}`)
const result = await torture(await createField({ directory, ...size }))
const { checks } = result
const failed = checks.filter(({ problems }) => problems.length > 0)
report(result)
if (failed.length === 0) rmSync(directory, { recursive: true, force: true })
else console.log(`\nLogs and data are kept in ${directory}`)
console.log(`\n${checks.length - failed.length} passed, ${failed.length} failed (seed ${seed})`)
process.exit(failed.length === 0 ? 0 : 1)

async function torture(on: Field) {
  const over = AbortSignal.any([interrupted.signal, AbortSignal.timeout(limitMs)])
  const [admin, operator] = [() => on.phone('admin'), () => on.phone('operator')]
  const phone = (lane: number) =>
    eventually(() => (lane % 2 === 0 ? admin() : operator()).catch(() => undefined), {
      withinMs: backWithinMs,
      what: 'a sign-in',
    })
  const phones = new Phones({ wanted: numbers.commands, seed, phone, signal: over })
  const accepted = () => phones.accepted
  const trouble = new TroubleMaker({ field: on, seed, accepted, signal: over })
  const ended = new AbortController()
  const signal = AbortSignal.any([over, ended.signal])
  const background = [
    unsettleDevices({ field: on, seed, signal }),
    visit({ api: await admin(), gates: on.gates, seed, signal }),
    progress(phones, trouble, signal),
  ]
  await Promise.all([phones.run(on.gates), trouble.run(planTrouble(numbers, seed))])
  ended.abort()
  await Promise.all(background)
  for (const agent of on.agents) agent.setClock(0)
  await phones.settled()
  return evidence(on, phones, trouble)
}

async function evidence(on: Field, phones: Phones, trouble: TroubleMaker) {
  const auditor = await eventually(() => on.phone('admin').catch(() => undefined), {
    withinMs: backWithinMs,
  })
  const isBack = await eventually(() => on.isWhole(auditor), { withinMs: backWithinMs }).then(
    () => true,
    () => false,
  )
  // Opened, but the answer was lost with the node: nobody holds them, the manager ends them.
  for (const open of leftOpen(await readFacts(auditor, 'session')))
    if (open.startsWith('SessionOpened')) await leave(auditor, open.replace(/^\S+ /, ''))
  const facts = await readFacts(auditor, 'command')
  const sessionFacts = await readFacts(auditor, 'session')
  const deeds = on.gates.map(({ lane, plug }) => ({
    lane,
    calls: plug.calls,
    actions: plug.actions,
  }))
  await on.stop()
  const wanted = planTrouble(numbers, seed).length
  const made = Object.values(trouble.made).reduce((sum, count) => sum + count, 0)
  const checks: Check[] = [
    { title: 'all commands were accepted and all troubles made', problems: [] },
    ...judge({ taps: phones.taps, facts, deeds, outages: trouble.outages }),
    ...checkStore(directory),
    { title: 'no session and no exchange is left open', problems: leftOpen(sessionFacts) },
    { title: 'every agent is back', problems: isBack ? [] : ['not within 60 s'] },
  ]
  if (phones.accepted < numbers.commands || made < wanted)
    checks[0] = {
      title: 'all commands were accepted and all troubles made',
      problems: [`${phones.accepted} of ${numbers.commands}, ${made} of ${wanted}`],
    }
  const sum = (of: 'calls' | 'actions') => deeds.reduce((all, lane) => all + lane[of].length, 0)
  const done = {
    ...{ taps: phones.taps.length, accepted: phones.accepted, ...trouble.made },
    ...{ repeats: phones.taps.reduce((all, tap) => all + tap.repeatedIds.length, 0) },
    ...{ deviceCalls: sum('calls'), deviceActions: sum('actions') },
    exchanges: sessionFacts.filter(({ type }) => type === 'HttpRequestForwarded').length,
  }
  return { checks, outcomes: outcomesOf(facts), done }
}

async function progress(phones: Phones, trouble: TroubleMaker, signal: AbortSignal) {
  while (!signal.aborted) {
    const seconds = Math.round((performance.now() - begun) / 1000)
    const made = JSON.stringify(trouble.made).replaceAll(/[{}"]/g, '').replaceAll(',', ', ')
    console.log(`  ${seconds} s  ${phones.accepted}/${numbers.commands} accepted  ${made}`)
    await eventually(async () => signal.aborted, { withinMs: progressMs }).catch(() => undefined)
  }
}

type Result = Awaited<ReturnType<typeof torture>>

function report({ checks, outcomes, done }: Result): void {
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log()
  for (const [name, count] of Object.entries({ ...done, ...outcomes, seconds }))
    console.log(`  ${name.padEnd(16)} ${String(count).padStart(8)}`)
  console.log()
  for (const { title, problems } of checks) {
    console.log(`  ${problems.length === 0 ? 'ok    ' : 'FAILED'} ${title}`)
    for (const problem of problems.slice(0, shownProblems)) console.log(`           ${problem}`)
    if (problems.length > shownProblems) console.log(`           … ${problems.length} in all`)
  }
  const file = resolve(values.report ?? `data/torture/commands-${seed}.json`)
  mkdirSync(dirname(file), { recursive: true })
  const options = { ...numbers, seed, ...size, limitMs }
  const content = { options, seconds, done, outcomes, checks, directory }
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
  console.log(`\n  Report: ${file}`)
}
