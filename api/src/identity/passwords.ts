/** Passwords: scrypt, refused when short or common, and the same time for users that do not exist. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { TravessiaError } from '@travessia/schemas/errors'

const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const
const keyBytes = 32
const minLength = 10

/** Not all four threads of libuv: files, names and the signatures of orders need them too. */
const atOnce = 2
/** Some three seconds. */
const maxWaiting = 60
const waiting: Array<() => void> = []
let running = 0

/** Of the most used ones, those that are long enough to pass the length. */
const common = new Set(
  `1234567890 0123456789 1q2w3e4r5t qwertyuiop qwerty12345 password123 password1234 senha123456
  administrator 12345678910 11111111111 asdfghjkl123 1qaz2wsx3edc passw0rd123 iloveyou123 brasil123456
  travessia123 mudar12345 0987654321 abc1234567 q1w2e3r4t5 changeme123 welcome123 flamengo123`.split(
    /\s+/,
  ),
)

/** @throws TravessiaError PASSWORD_WEAK */
export function requireStrong(password: string, email: string): void {
  const text = password.toLowerCase()
  const [name = ''] = email.toLowerCase().split('@')
  const isWeak =
    password.length < minLength ||
    common.has(text) ||
    new Set(text).size < 4 ||
    (name.length >= 3 && text.includes(name))
  if (isWeak) throw new TravessiaError('PASSWORD_WEAK')
}

/** `scrypt$N$r$p$salt$hash`, base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, cost)
  const { N, r, p } = cost
  return ['scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

const nobody = hashPassword(randomBytes(16).toString('hex'))

/** @param stored undefined: no such user; takes as long and is false */
export async function verifyPassword(
  password: string,
  stored: string | undefined,
): Promise<boolean> {
  const [, n, r, p, salt = '', hash = ''] = (stored ?? (await nobody)).split('$')
  const options = { N: Number(n), r: Number(r), p: Number(p), maxmem: cost.maxmem }
  const derived = await derive(password, Buffer.from(salt, 'base64url'), options)
  const isEqual = timingSafeEqual(derived, Buffer.from(hash, 'base64url'))
  return isEqual && stored !== undefined
}

/** @throws TravessiaError NODE_BUSY: too many wait already */
async function derive(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  if (running < atOnce) running += 1
  else if (waiting.length < maxWaiting) await new Promise<void>((go) => waiting.push(go))
  else throw new TravessiaError('NODE_BUSY')
  try {
    return await promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)(
      ...[password.normalize('NFKC'), salt, keyBytes, options],
    )
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }
}
