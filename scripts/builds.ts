/** What is built for use: the PWA, and the agent as its package has it. Anew when a source is newer, or there is none. */
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const leftOut = new Set(['node_modules', 'dist', 'paraglide'])

/** Starts in half the time of its sources. */
export const builtAgent = 'agent/dist/travessia-agent.js'

export function buildPwaIfStale(): void {
  buildIfStale('pwa', 'pwa/dist/index.html')
}

export function buildAgentIfStale(): void {
  buildIfStale('agent', builtAgent)
}

function buildIfStale(workspace: string, product: string): void {
  const built = modifiedAt(join(root, product))
  if ([workspace, 'schemas/src'].every((folder) => newestIn(join(root, folder)) <= built)) return
  console.error(`Building ${workspace} …`)
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  // Started by a test runner it would inherit that one's mode, and be a larger, chattier build.
  const { VITEST: _, ...env } = process.env
  const result = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: join(root, workspace),
    env: { ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 2, 2],
  })
  if (result.status !== 0) throw new Error(`${workspace} could not be built.`)
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
