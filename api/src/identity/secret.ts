/** Random secrets and their hashes: only the hash is stored, and equal length is compared in constant time. */
import { hash, randomBytes } from 'node:crypto'

/** 256 random bits, base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** SHA-256, base64url. The secret has 256 bits, so no salt and no slow hash is needed. */
export function hashOf(secret: string): string {
  return hash('sha256', secret, 'base64url')
}
