/**
 * `npm test`: every test, in three runs with one closing line. Real programs (Chromium, Redis, …) are
 * started by the suites; a missing one fails its suite with the name of its Debian package.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildPwaIfStale } from './pwa-build.ts'

const root = join(import.meta.dirname, '..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const runs = [
  { title: 'unit', cwd: root, args: ['run', '--project', 'unit'] },
  { title: 'PWA', cwd: join(root, 'pwa'), args: ['run'] },
  { title: 'system', cwd: root, args: ['run', '--project', 'system'] },
]

await buildPwaIfStale()
const failed = runs.filter(({ title, cwd, args }) => {
  console.log(`\n== ${title} ==`)
  return spawnSync(process.execPath, [vitest, ...args], { cwd, stdio: 'inherit' }).status !== 0
})
console.log(`\n${runs.length - failed.length} passed, ${failed.length} failed`)
process.exit(failed.length === 0 ? 0 : 1)
