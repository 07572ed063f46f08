#!/usr/bin/env node
/** `travessia-agent`: picks one of `cli/`. */
import { TravessiaError } from '@travessia/schemas/errors'
import { agentVersion } from './agent.ts'

const commands: Readonly<Record<string, () => Promise<{ run(args: string[]): Promise<void> }>>> = {
  pair: () => import('./cli/pair.ts'),
  run: () => import('./cli/run.ts'),
  status: () => import('./cli/status.ts'),
  doctor: () => import('./cli/doctor.ts'),
  checkpoint: () => import('./cli/checkpoint.ts'),
  pause: () => import('./cli/pause.ts'),
  resume: async () => ({ run: (await import('./cli/pause.ts')).runResume }),
  simulate: () => import('./cli/simulate.ts'),
  'install-service': () => import('./cli/install-service.ts'),
}

const usage = `travessia-agent ${agentVersion}

  pair CODE --url URL [--name NAME] [--allow-loopback]   pair this host with an installation
       [--policy FILE]                                   only what this file allows (JSON)
  run                                                    stay connected
  status                                                 what the running agent says
  doctor                                                 find out why it does not connect
  checkpoint                                             the newest state of the log that this agent confirms,
                                                         for "npm run verify -- BUNDLE --since FILE"
  pause [30m|2h|1d], resume                              refuse everything from outside, here on site
  simulate KIND [--port N]                               a device to try things with: turnstile, printer,
                                                         moonraker, marlin, camera, system
  install-service [--print]                              start with the system (systemd)

  --config FILE   configuration file, default ~/.travessia-agent/config.json
`

const [name = '', ...args] = process.argv.slice(2)
const load = Object.hasOwn(commands, name) ? commands[name] : undefined
if (name === 'help' || process.argv.includes('--help')) {
  process.stdout.write(usage)
} else if (load) {
  try {
    await (await load()).run(args)
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exitCode = 1
  }
} else {
  process.stderr.write(usage)
  process.exitCode = name === '' ? 0 : 2
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Node's "all addresses failed" has no message, only a code.
  const { code } = error as { code?: unknown }
  const problem = error instanceof TravessiaError ? error.details['problem'] : undefined
  // Of arguments, variables and files: which one, it says itself.
  if (problem !== undefined && code === 'CONFIG_INVALID') return String(problem)
  return [error.message || code, problem].filter(Boolean).join(' ')
}
