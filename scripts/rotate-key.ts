/**
 * `npm run rotate-key` adds a key that signs the log beside the others; `-- --retire KEY` takes one out of use (ADR 21). Works on the
 * data directory; a node that runs meanwhile signs with what is there within a second.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fromBase64, toBase64 } from '@travessia/schemas/evidence/bytes'
import { parseNoteKey } from '@travessia/schemas/evidence/note'
import { endInFailure, readArguments } from '../api/src/command-line.ts'
import { readDataConfig } from '../api/src/config.ts'
import { encryptionKeyOf } from '../api/src/encryption-key.ts'
import { EvidenceKeys } from '../api/src/identity/evidence-keys.ts'
import { nodeIdOf } from '../api/src/identity/identity.ts'
import { openSecretsDatabase } from '../api/src/identity/secrets-database.ts'
import { Vault } from '../api/src/identity/vault.ts'

process.umask(0o077)
const { values } = readArguments('Usage: npm run rotate-key [-- --retire KEY]', {
  options: { retire: { type: 'string' } },
})
try {
  const config = readDataConfig()
  const path = join(config.DATA_DIR, 'secrets.db')
  if (!existsSync(path)) throw new RangeError(`there are no keys in ${config.DATA_DIR}`)
  const database = openSecretsDatabase(path)
  const vault = new Vault(database, encryptionKeyOf(config))
  const keys = new EvidenceKeys(vault, nodeIdOf(vault))
  if (values.retire === undefined) keys.add()
  else keys.retire(parseNoteKey(values.retire)?.publicKey ?? fromBase64(values.retire))
  const lines = keys.publicKeys().map((key) => `  ${toBase64(key)}\n`)
  database.close()
  process.stdout.write(
    `Keys that sign now, oldest first:\n${lines.join('')}GET /api/audit/keys says them as auditors use them.\n`,
  )
} catch (error) {
  endInFailure(error)
}
