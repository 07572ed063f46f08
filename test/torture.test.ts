/** The short form of `npm run torture -- commands`: the same program, a few hundred commands. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ended, root } from '../rig/processes.ts'

/** Another one: TORTURE_SEED. It repeats the plan of troubles. */
const seed = process.env['TORTURE_SEED'] ?? '20'
const size = ['--commands', '300', '--kills', '20', '--cuts', '4', '--seed', seed]
const directory = mkdtempSync(join(tmpdir(), 'travessia-torture-test-'))
let torture: ChildProcess

afterAll(async () => {
  await ended(torture, 'SIGINT')
  rmSync(directory, { recursive: true, force: true })
})

test(`20 kills and 4 cuts under 300 commands: none lost, none carried out twice, none late (seed ${seed})`, async () => {
  const file = join(directory, 'report.json')
  const program = join(root, 'scripts/torture.ts')
  torture = spawn(process.execPath, [program, 'commands', ...size, '--report', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const output of [torture.stdout, torture.stderr])
    output?.on('data', (text: Buffer) => {
      said += text.toString()
    })
  const code = await new Promise((done) => torture.once('exit', done))
  expect(code, `seed ${seed}\n${said}`).toBe(0)
  const { done, checks } = JSON.parse(readFileSync(file, 'utf8')) as {
    done: Record<string, number>
    checks: Array<{ problems: string[] }>
  }
  expect(done['accepted']).toBeGreaterThanOrEqual(300)
  expect((done['kill node'] ?? 0) + (done['kill agent'] ?? 0)).toBe(20)
  expect(done['deviceActions']).toBeGreaterThan(0)
  expect(checks.flatMap(({ problems }) => problems)).toEqual([])
}, 480_000)
