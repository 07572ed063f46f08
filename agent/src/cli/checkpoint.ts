/** `checkpoint`: the newest checkpoint that this agent has confirmed, for `npm run verify -- BUNDLE --since FILE`. */
import { TravessiaError } from '@travessia/schemas/errors'
import { witnessName } from '@travessia/schemas/evidence/checkpoint'
import { noteKeyText, witnessKey } from '@travessia/schemas/evidence/note'
import { readKept, witnessPathOf } from '../witness.ts'
import { readArguments, requirePaired } from './arguments.ts'

export async function run(args: string[]): Promise<void> {
  const { configPath } = readArguments(args)
  const { agentId, privateKey } = requirePaired(configPath)
  const kept = readKept(witnessPathOf(configPath))
  if (!kept)
    throw new TravessiaError('CONFIG_INVALID', { problem: 'No checkpoint was confirmed yet.' })
  const publicKey = new Uint8Array(Buffer.from(String(privateKey['x']), 'base64url'))
  // Beside it, so that `checkpoint > FILE` is the note alone.
  process.stderr.write(
    `Key of this witness: ${noteKeyText(witnessKey(witnessName(agentId), publicKey))}\n`,
  )
  process.stdout.write(kept.note)
}
