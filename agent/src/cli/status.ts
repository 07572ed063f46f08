/** `status`: what the running agent says of itself. Exit code 0 only when it is ONLINE. */
import { request } from 'undici'
import { readEnvironment } from '../config.ts'
import { readArguments, requirePaired } from './arguments.ts'

export async function run(args: string[]): Promise<void> {
  const { healthPort } = readEnvironment()
  requirePaired(readArguments(args).configPath)
  try {
    const { body } = await request(`http://127.0.0.1:${healthPort}/health`, {
      headersTimeout: 3_000,
    })
    const state = (await body.json()) as { status?: string }
    process.stdout.write(`${JSON.stringify(state, null, 2)}\n`)
    process.exitCode = state.status === 'ONLINE' ? 0 : 1
  } catch {
    process.stdout.write('The agent is not running on this host (travessia-agent run).\n')
    process.exitCode = 1
  }
}
