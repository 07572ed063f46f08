/** The short form of `npm run soak`: the same program, a minute. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ended, root } from '../rig/processes.ts'

/** Another one: SOAK_SEED. It repeats the plan of load and troubles. */
const seed = process.env['SOAK_SEED'] ?? '5'
const directory = mkdtempSync(join(tmpdir(), 'travessia-soak-test-'))
let soak: ChildProcess

afterAll(async () => {
  await ended(soak, 'SIGINT')
  rmSync(directory, { recursive: true, force: true })
})

test(`under mixed load and a failing network no answer is wrong, and nothing is left (seed ${seed})`, async () => {
  const file = join(directory, 'report.json')
  const program = join(root, 'scripts/soak.ts')
  const size = ['--seconds', '60', '--seed', seed, '--report', file]
  soak = spawn(process.execPath, [program, ...size], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const output of [soak.stdout, soak.stderr])
    output?.on('data', (text: Buffer) => {
      said += text.toString()
    })
  const code = await new Promise((done) => soak.once('exit', done))
  expect(code, `seed ${seed}\n${said}`).toBe(0)
  const { checks } = JSON.parse(readFileSync(file, 'utf8')) as {
    checks: Array<{ problems: string[] }>
  }
  expect(checks).toHaveLength(5)
  expect(checks.flatMap(({ problems }) => problems)).toEqual([])
}, 240_000)
