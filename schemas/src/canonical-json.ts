/**
 * RFC 8785 (JSON Canonicalization Scheme): the one text of a value, the form that is hashed and signed.
 * Numbers and strings follow ECMAScript, as the RFC asks; keys are sorted by UTF-16 code units.
 * @throws TypeError for what JSON cannot say exactly: non-finite numbers, integers beyond 2^53, lone surrogates
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'string') return canonicalString(value)
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (typeof value === 'object') return canonicalObject(value)
  throw new TypeError(`canonical JSON has no ${typeof value}`)
}

function canonicalObject(value: object): string {
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${canonicalString(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no such number')
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new TypeError('integer beyond 2^53')
  return JSON.stringify(value)
}

function canonicalString(value: string): string {
  if (/[\ud800-\udfff]/u.test(value)) throw new TypeError('lone surrogate')
  return JSON.stringify(value)
}
