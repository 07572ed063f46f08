/** `pause [30m|2h|1d]`, `resume`: the switch on site. The running agent obeys within seconds. */
import { TravessiaError } from '@travessia/schemas/errors'
import { durationMs, pause, pausePathOf, resume } from '../pause.ts'
import { readArguments, requirePaired } from './arguments.ts'

export async function run(args: string[]): Promise<void> {
  const { positionals, configPath } = readArguments(args)
  requirePaired(configPath)
  const [text] = positionals
  const forMs = text === undefined ? undefined : durationMs(text)
  if (text !== undefined && forMs === undefined)
    throw new TravessiaError('CONFIG_INVALID', { problem: 'Usage: pause [30m|2h|1d]' })
  const until = forMs === undefined ? null : Date.now() + forMs
  pause(pausePathOf(configPath), until)
  const when =
    until === null ? 'until "travessia-agent resume"' : `until ${new Date(until).toLocaleString()}`
  process.stdout.write(`Paused ${when}: no command is run, no page is carried.\n`)
}

/** `resume`. */
export async function runResume(args: string[]): Promise<void> {
  const { configPath } = readArguments(args)
  requirePaired(configPath)
  resume(pausePathOf(configPath))
  process.stdout.write('Remote access goes on.\n')
}
