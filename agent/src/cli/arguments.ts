/** Reads a command's arguments; a wrong one is one sentence, not a stack. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { TravessiaError } from '@travessia/schemas/errors'
import { type AgentConfig, existingConfigPath, readAgentConfig } from '../config.ts'

type Arguments = {
  readonly positionals: readonly string[]
  readonly text: (name: string) => string | undefined
  readonly has: (name: string) => boolean
  readonly configPath: string
}

export function readArguments(
  args: string[],
  options: NonNullable<ParseArgsConfig['options']> = {},
): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { config: { type: 'string' }, ...options },
    })
    const text = (name: string) => {
      const value = (values as Record<string, unknown>)[name]
      return typeof value === 'string' ? value : undefined
    }
    const has = (name: string) => (values as Record<string, unknown>)[name] === true
    return { positionals, text, has, configPath: text('config') ?? existingConfigPath() }
  } catch (cause) {
    throw new TravessiaError(
      'CONFIG_INVALID',
      { problem: String((cause as Error).message) },
      { cause },
    )
  }
}

/** @throws TravessiaError CONFIG_INVALID: not paired yet */
export function requirePaired(configPath: string): AgentConfig {
  const config = readAgentConfig(configPath)
  if (config) return config
  const problem = `This host is not paired yet: travessia-agent pair CODE --url URL (${configPath} is missing)`
  throw new TravessiaError('CONFIG_INVALID', { problem })
}
