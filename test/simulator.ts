/** A simulated device as a process, started as its users do. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { readyLine, root } from '../rig/processes.ts'

export async function startSimulator(
  kind: string,
): Promise<{ url: string; process: ChildProcess }> {
  const args = [join(root, 'agent/src/main.ts'), 'simulate', kind]
  const simulator = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  return { url: String((await readyLine(simulator))['url']), process: simulator }
}
