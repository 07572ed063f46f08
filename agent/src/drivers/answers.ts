/** Reading what devices answer: any field may be absent or of another type, and nothing here throws. */

export type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : ''
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** undefined: not JSON. */
export function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** One place after the point: a change below that is noise. */
export function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

/** A text without an end goes to the end, so that none is read again from its middle. */
const stringOrNumber = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|-?\d[\d.eE+-]*/g

/** The same, with whole numbers beyond 2^53 kept, as texts of their digits. */
export function parsedExactly(body: string): unknown {
  const isLong = (token: string) => /^-?\d{16,}$/.test(token)
  return parsed(body.replace(stringOrNumber, (token) => (isLong(token) ? `"${token}"` : token)))
}

/** An id as its digits, whether it came as a number or as a text. */
export function idOf(value: unknown): string | undefined {
  const isWhole = typeof value === 'string' || Number.isSafeInteger(value)
  return isWhole && /^\d{1,20}$/.test(String(value)) ? String(BigInt(String(value))) : undefined
}
