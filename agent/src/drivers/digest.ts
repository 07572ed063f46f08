/** HTTP Digest (RFC 7616) as printers and cameras ask for it: MD5 or SHA-256, `qop=auth` or none. */
import { createHash, randomBytes } from 'node:crypto'
import type { Credentials } from '@travessia/schemas/devices'
import type { SignIn } from './driver.ts'

type Challenge = Readonly<Record<string, string>>

const algorithms: Readonly<Record<string, string>> = { md5: 'md5', 'sha-256': 'sha256' }

/** undefined: none that is spoken here. */
export function digestChallenge(header: string): Challenge | undefined {
  const [, rest] = /^Digest\s+(.*)$/i.exec(header) ?? []
  if (rest === undefined) return undefined
  const found = rest.matchAll(/(?<![\w-])([\w-]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)
  const fields: Record<string, string> = {}
  for (const [, name = '', quoted, bare = ''] of found) fields[name.toLowerCase()] = quoted ?? bare
  const isSpoken = Object.hasOwn(algorithms, (fields['algorithm'] ?? 'md5').toLowerCase())
  return isSpoken && fields['nonce'] !== undefined ? fields : undefined
}

/** What answers the challenge, for as long as the device takes its nonce. */
export function digestAnswers(
  challenge: Challenge,
  { login, password }: Credentials,
): (asked: Parameters<NonNullable<SignIn['headers']>>[0]) => string {
  const { realm = '', nonce = '', opaque, algorithm } = challenge
  const hash = algorithms[(algorithm ?? 'md5').toLowerCase()] ?? 'md5'
  const digest = (...parts: string[]) => createHash(hash).update(parts.join(':')).digest('hex')
  const isAuth = /(^|[\s,])auth([\s,]|$)/.test(challenge['qop'] ?? '')
  const ha1 = digest(login, realm, password)
  let count = 0
  return ({ method, path }) => {
    count += 1
    const [nc, cnonce] = [count.toString(16).padStart(8, '0'), randomBytes(8).toString('hex')]
    const ha2 = digest(method, path)
    const response = isAuth ? digest(ha1, nonce, nc, cnonce, 'auth', ha2) : digest(ha1, nonce, ha2)
    const fields = [
      ...[
        `username="${login.replace(/["\\]/g, '\\$&')}"`,
        `realm="${realm}"`,
        `nonce="${nonce}"`,
        `uri="${path}"`,
      ],
      `response="${response}"`,
      ...(isAuth ? ['qop=auth', `nc=${nc}`, `cnonce="${cnonce}"`] : []),
      ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
      ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
    ]
    return `Digest ${fields.join(', ')}`
  }
}
