/** `pair CODE --url URL`: makes the key pairs, exchanges the code for a token, writes the configuration. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { hostname, release, type } from 'node:os'
import { dirname } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { agentVersion } from '../agent.ts'
import { defaultConfigPath, readAgentConfig, readEnvironment, writeAgentConfig } from '../config.ts'
import { pair, requireSafeUrl } from '../identity.ts'
import { readPolicyFile } from '../policy-file.ts'
import { proxyOf } from '../proxy.ts'
import { policyLines } from '../site-policy.ts'
import { readArguments } from './arguments.ts'
import { whyUnreachable } from './unreachable.ts'

export async function run(args: string[]): Promise<void> {
  const { positionals, text, has } = readArguments(args, {
    url: { type: 'string' },
    name: { type: 'string' },
    'allow-loopback': { type: 'boolean' },
    policy: { type: 'string' },
  })
  const [code] = positionals
  const apiUrl = text('url')
  if (code === undefined || apiUrl === undefined)
    throw new TravessiaError('CONFIG_INVALID', { problem: 'Usage: pair CODE --url URL' })
  const url = requireSafeUrl(apiUrl)
  const policyPath = text('policy')
  const policy = policyPath === undefined ? undefined : readPolicyFile(policyPath)
  const ownPath = text('config')
  const configPath = ownPath ?? defaultConfigPath
  requireWritable(configPath)
  const wanted = {
    ...{ code, apiUrl, hostname: hostname().slice(0, 200), version: agentVersion },
    name: text('name') ?? hostname().slice(0, 80),
    os: `${type()} ${release()}`.slice(0, 200),
    allowLoopback: has('allow-loopback'),
    ...(policy ? { policy } : {}),
  }
  const { proxies } = readEnvironment()
  const config = await pair(wanted, proxies).catch((cause: Error) => {
    const said = whyUnreachable(cause, url, proxyOf(url, proxies))
    throw said === undefined ? cause : new Error(said, { cause })
  })
  const before = readAgentConfig(configPath)
  writeAgentConfig(configPath, config)
  process.stdout.write(
    `Paired as "${config.name}" (${config.agentId}).${before ? ' The old pairing was replaced.' : ''}
Rules of this site: ${policyLines(policy).join('; ')}
Next: travessia-agent run${ownPath === undefined ? '' : ` --config ${ownPath}`}\n`,
  )
}

/** Before the code is used up: it works once only. */
function requireWritable(configPath: string): void {
  const directory = dirname(configPath)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    accessSync(directory, constants.W_OK)
  } catch (cause) {
    throw new TravessiaError(
      'CONFIG_INVALID',
      { problem: `${directory} is not writable.` },
      { cause },
    )
  }
}
