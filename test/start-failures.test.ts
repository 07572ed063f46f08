/** What the node and the broker say when they cannot start, in one line; and that they stop while they start. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { freePort, freePorts } from '../rig/free-port.ts'
import { root } from '../rig/processes.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-start-failures-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const file = join(directory, 'file')
writeFileSync(file, '')

function started(program: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [join(root, program)], {
    env: {
      ...{ ...process.env, ...freePorts, TRAVESSIA_ENCRYPTION_KEY: 'ab'.repeat(32) },
      ...{ TRAVESSIA_DATA_DIR: join(directory, 'data'), TRAVESSIA_LOG_LEVEL: 'warn', ...env },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  const hear = (chunk: Buffer) => {
    said += chunk
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<[number | null, string]>((done) =>
    child.once('close', (code) => done([code, said.trim()])),
  )
  return { child, ended }
}

for (const program of ['api/src/main.ts', 'broker/src/main.ts'])
  test.each([
    [{ TRAVESSIA_HOST: 'nowhere.invalid' }, /^TRAVESSIA_HOST: nowhere.invalid is no address/],
    [{ TRAVESSIA_HOST: '192.0.2.1' }, /^TRAVESSIA_HOST: 192.0.2.1 is no address/],
    [{ TRAVESSIA_DATA_DIR: file }, /^The data directory cannot be used \(.*file/],
    [{ TRAVESSIA_DATA_DIR: join(file, 'x') }, /^The data directory cannot be used \(.*file/],
    [{ TRAVESSIA_TRUSTED_PROXIES: '10.0.0.0/99' }, /^Configuration: TRAVESSIA_TRUSTED_PROXIES/],
  ])(`${program} with %j says why it does not start`, async (env, sentence) => {
    const [code, said] = await started(program, env).ended
    expect([code, said.split('\n')]).toEqual([1, [expect.stringMatching(sentence)]])
  })

test('a Redis that is away is one line too', async () => {
  const env = { TRAVESSIA_REDIS_URL: `redis://:secret@127.0.0.1:${await freePort()}` }
  const line = 'Configuration: TRAVESSIA_REDIS_URL: Redis cannot be reached.'
  expect(await started('broker/src/main.ts', env).ended).toEqual([1, line])
})

test('a node that is stopped while it starts ends with 0 and has no fault to tell', async () => {
  const dataDir = mkdtempSync(join(directory, 'stopped-'))
  const { child, ended } = started('api/src/main.ts', { TRAVESSIA_DATA_DIR: dataDir })
  // Made in the middle of a start.
  const watcher = watch(dataDir, (_event, name) => name === 'files' && child.kill('SIGTERM'))
  onTestFinished(() => watcher.close())
  expect(await ended).toEqual([0, expect.stringMatching(/^(\{.*"msg":"ready".*\})?$/)])
})
