/** `npm run bench` at its smallest: real processes, positive figures, nothing left. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { pidsOf, root } from './stack.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-bench-test-'))

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the bench measures requests through the tunnel beside direct ones and leaves nothing', async () => {
  for (const [name, path] of [
    ['nginx', '/usr/sbin/nginx'],
    ['wrk', '/usr/bin/wrk'],
  ] as const)
    expect(existsSync(path), `Debian package ${name} is missing`).toBe(true)
  const out = join(directory, 'bench.json')
  const args = ['--quick', '--only', 'requests', '--ways', 'direct nginx,off', '--out', out]
  const env = { ...process.env, TMPDIR: directory }
  const options = { cwd: root, env }
  await promisify(execFile)(process.execPath, ['bench/bench.ts', ...args], options)
  const { rows, noise } = JSON.parse(readFileSync(out, 'utf8'))
  const [tunnel] = rows['1 KiB, 16 connections'].off
  const [direct] = rows['1 KiB, 16 connections']['direct nginx']
  expect(tunnel.requestsPerSecond).toBeGreaterThan(0)
  expect(tunnel.gatewayPer1000).toBeGreaterThan(0)
  expect(tunnel.agentPer1000).toBeGreaterThan(0)
  expect(direct.requestsPerSecond).toBeGreaterThan(tunnel.requestsPerSecond)
  expect(noise.failedRequests).toBe(0)
  expect(pidsOf(directory)).toEqual([])
  expect(readdirSync(directory)).toEqual(['bench.json'])
})
