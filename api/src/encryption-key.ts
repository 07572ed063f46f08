/** The key that seals all others: from the environment, in the demo made once and kept in the data directory. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, demoKeyFile } from './config.ts'

export function encryptionKeyOf({ ENCRYPTION_KEY, DATA_DIR }: Config): string {
  if (ENCRYPTION_KEY !== undefined) return ENCRYPTION_KEY
  const path = join(DATA_DIR, demoKeyFile)
  try {
    return readFileSync(path, 'utf8')
  } catch {
    const key = randomBytes(32).toString('hex')
    writeFileSync(path, key, { mode: 0o600, flag: 'wx' })
    return key
  }
}
