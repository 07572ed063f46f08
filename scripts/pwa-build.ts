/** Builds the PWA when a source is newer than the build, or there is none. */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const sources = ['pwa', 'schemas/src']
const leftOut = new Set(['node_modules', 'dist', 'paraglide'])

export async function buildPwaIfStale(): Promise<void> {
  const built = modifiedAt(join(root, 'pwa/dist/index.html'))
  if (sources.every((folder) => newestIn(join(root, folder)) <= built)) return
  console.error('Building the PWA …')
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  // Started by a test runner it would inherit that one's mode, and be a larger, chattier build.
  const { VITEST: _, ...env } = process.env
  const result = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: join(root, 'pwa'),
    env: { ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 2, 2],
  })
  if (result.status !== 0) throw new Error('The PWA could not be built.')
}

function newestIn(folder: string): number {
  const times = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !leftOut.has(entry.name))
    .map((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? newestIn(path) : modifiedAt(path)
    })
  return Math.max(0, ...times)
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
