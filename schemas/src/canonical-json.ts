/**
 * RFC 8785 (JSON Canonicalization Scheme): the one text of a value, the form that is hashed and signed.
 * Numbers and strings follow ECMAScript, as the RFC asks; keys are sorted by UTF-16 code units.
 * @throws TypeError for what JSON cannot say exactly: non-finite numbers, integers beyond 2^53, lone surrogates
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return canonicalString(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (typeof value === 'object') return canonicalObject(value)
  throw new TypeError(`canonical JSON has no ${typeof value}`)
}

function canonicalObject(value: object): string {
  let members = ''
  // Their order is that of UTF-16 code units.
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    members += `${members === '' ? '' : ','}${canonicalString(key)}:${canonicalJson(member)}`
  }
  return `{${members}}`
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no such number')
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new TypeError('integer beyond 2^53')
  return JSON.stringify(value)
}

/** Printable ASCII but `"` and `\\`: nearly every string of the log, and its own JSON. */
const plain = /^[ !#-[\]-~]*$/

function canonicalString(value: string): string {
  if (plain.test(value)) return `"${value}"`
  if (/[\ud800-\udfff]/u.test(value)) throw new TypeError('lone surrogate')
  return JSON.stringify(value)
}
