/** Commands that take options: what they say of themselves, and of what they do not understand. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root } from '../rig/processes.ts'

const commands = [
  'scripts/start.ts',
  'scripts/serve.ts',
  'scripts/soak.ts',
  'scripts/torture.ts',
  'scripts/torture.ts commands',
  'scripts/torture.ts store',
  'scripts/verify.ts',
  'scripts/rebuild.ts',
  'scripts/move-log.ts',
  'scripts/rotate-key.ts',
  'bench/bench.ts',
  'bench/audit.ts',
]

function said(line: string) {
  const options = { cwd: root, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, line.split(' '), options)
  return { status, stdout, stderr }
}

test.each(commands)(
  '%s --help says its usage and ends with 0, an unknown option with 2',
  (line) => {
    const asked = said(`${line} --help`)
    expect(asked).toEqual({ status: 0, stdout: expect.stringMatching(/^Usage: /), stderr: '' })
    expect(said(`${line} --hepl`)).toEqual({ status: 2, stdout: '', stderr: asked.stdout })
  },
)

test.each(['--help', 'help', 'pair --help', 'run --help', 'simulate --help', 'pause 2h --help'])(
  'travessia-agent %s says its usage and does nothing else',
  (args) => {
    const usage = expect.stringMatching(/^travessia-agent .*\n\n {2}pair CODE --url URL/)
    expect(said(`agent/src/main.ts ${args}`)).toEqual({ status: 0, stdout: usage, stderr: '' })
  },
)

test('a bundle that is not there, or is no file, is said so: 2', () => {
  expect(said('scripts/verify.ts nowhere.zip')).toEqual({
    ...{ status: 2, stdout: '', stderr: 'nowhere.zip cannot be read (ENOENT)\n' },
  })
  expect(said('scripts/verify.ts docs').stderr).toBe('docs is no file\n')
})

test('where a node has never been no key is added', () => {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-no-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const script = join(root, 'scripts/rotate-key.ts')
  const env = { ...process.env, TRAVESSIA_DATA_DIR: directory, TRAVESSIA_DEMO: '1' }
  const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: 'utf8' })
  expect([status, stderr]).toEqual([2, `there are no keys in ${directory}\n`])
  expect(readdirSync(directory)).toEqual([])
})

test('the log, which is not sealed, moves without the encryption key', () => {
  const env = {
    ...process.env,
    TRAVESSIA_DATABASE_URL: 'postgresql:///none',
    TRAVESSIA_DATA_DIR: 'nowhere',
  }
  const script = join(root, 'scripts/move-log.ts')
  const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: 'utf8' })
  expect([status, stderr]).toEqual([2, 'there is no events.db to move\n'])
})

test.each([
  ['scripts/soak.ts', '--seconds many'],
  ['scripts/torture.ts commands', '--kills -1'],
  ['scripts/torture.ts', 'nothing'],
  ['scripts/verify.ts', 'two bundles'],
  ['bench/bench.ts', 'nothing'],
  ['bench/bench.ts', '--ways nothing'],
  ['bench/bench.ts', '--rounds 0'],
])('%s %s is not understood: its usage and 2', (command, rest) => {
  const usage = said(`${command} --help`).stdout
  expect(said(`${command} ${rest}`)).toEqual({ status: 2, stdout: '', stderr: usage })
})
