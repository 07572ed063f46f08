/** Everything that knows who is who: people, sign-ins, agents, keys; one small database and what reads it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { newId, systemTenantId } from '@travessia/schemas/ids'
import type { Config } from '../config.ts'
import { encryptionKeyOf } from '../encryption-key.ts'
import { AgentCredentials } from './agent-credentials.ts'
import { EvidenceKeys } from './evidence-keys.ts'
import { Logins } from './logins.ts'
import { Pairing } from './pairing.ts'
import { openSecretsDatabase } from './secrets-database.ts'
import { SubjectKeys } from './subject-keys.ts'
import { Tokens } from './tokens.ts'
import { Users } from './users.ts'
import { Vault } from './vault.ts'

export type Identity = Awaited<ReturnType<typeof createIdentity>>

export async function createIdentity(config: Config) {
  const now = Date.now
  mkdirSync(config.DATA_DIR, { recursive: true, mode: 0o700 })
  const database = openSecretsDatabase(join(config.DATA_DIR, 'secrets.db'))
  const vault = new Vault(database, encryptionKeyOf(config))
  const tokens = await Tokens.create(vault, now)
  const pairing = new Pairing(database, now)
  const agentCredentials = new AgentCredentials({ pairing, tokens, now })
  const users = new Users(database)
  const nodeId = nodeIdOf(vault)
  const logins = new Logins(database, now)
  return {
    database,
    vault,
    tokens,
    evidenceKeys: new EvidenceKeys(vault, nodeId),
    subjectKeys: new SubjectKeys(database, vault),
    pairing,
    agentCredentials,
    users,
    logins,
    nodeId,
  }
}

/** The same at each start, so that agents keep one tunnel for it. */
export function nodeIdOf(vault: Vault): string {
  const known = vault.get(systemTenantId, 'node-id')
  const nodeId = known ?? newId()
  if (known === undefined) vault.put(systemTenantId, 'node-id', nodeId)
  return nodeId
}
