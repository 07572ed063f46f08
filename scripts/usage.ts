/** The arguments of a command: `--help` says its usage and ends with 0, what it does not understand with 2. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** As `parseArgs`, but an option that is not known ends the program. */
export function readArguments<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (isAskedFor()) endWithUsage(usage)
  try {
    return parseArgs(config)
  } catch {
    return endWithUsage(usage)
  }
}

export function endWithUsage(usage: string): never {
  if (isAskedFor()) console.log(usage)
  else console.error(usage)
  process.exit(isAskedFor() ? 0 : 2)
}

function isAskedFor(): boolean {
  return process.argv.includes('--help')
}
