/** The relay that the bench compares with: what it does when its device does not answer. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startJsonRelay } from '../bench/baselines/start.ts'
import { stopAll } from '../bench/processes.ts'
import { freePort } from '../rig/free-port.ts'

test('a device that is away is a bad gateway, not an empty page', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-relay-'))
  onTestFinished(async () => {
    await stopAll()
    rmSync(directory, { recursive: true, force: true })
  })
  const device = { port: await freePort(), pid: 0, digests: { '/1k': '', '/100k': '', '/10m': '' } }
  const { url } = await startJsonRelay({ directory: join(directory, 'relay'), device })
  expect((await fetch(url)).status).toBe(502)
})
