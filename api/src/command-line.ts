/**
 * What the commands of an operator have in common: `--help` says the usage and ends with 0, what is not understood with 2,
 * and so does what could not be done, in one line.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { TravessiaError } from '@travessia/schemas/errors'

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

/** What a person must know to mend it. */
export function endInFailure(error: unknown): void {
  const problems = error instanceof TravessiaError ? error.details['problems'] : undefined
  const message = error instanceof Error ? error.message : String(error)
  console.error(Array.isArray(problems) ? problems.join('; ') : message)
  process.exitCode = 2
}

function isAskedFor(): boolean {
  return process.argv.includes('--help')
}
