import { TravessiaError } from './errors.ts'

/** What Ajv's `compile` gives: true for a value of the type, else its `errors` say why not. */
export interface Validator<T> {
  (value: unknown): value is T
  errors?: ReadonlyArray<{
    readonly instancePath: string
    readonly message?: string | undefined
  }> | null
}

/**
 * Checks a value that crossed a process border; `under`: where it stood in the message.
 * @returns the value, now typed
 * @throws TravessiaError MESSAGE_INVALID that names the first wrong place, never the value itself
 */
export function check<T>(validate: Validator<T>, value: unknown, under = ''): T {
  if (validate(value)) return value
  const [first] = validate.errors ?? []
  throw new TravessiaError('MESSAGE_INVALID', {
    at: under + (first?.instancePath ?? ''),
    problem: first?.message ?? 'invalid',
  })
}

/**
 * Parses JSON text that crossed a process border and checks it; `revive` as of `JSON.parse`.
 * @throws TravessiaError MESSAGE_INVALID
 */
export function checkJson<T>(
  validate: Validator<T>,
  text: string,
  revive?: (name: string, value: unknown) => unknown,
): T {
  let value: unknown
  try {
    value = JSON.parse(text, revive)
  } catch (cause) {
    throw new TravessiaError('MESSAGE_INVALID', { at: '', problem: 'not JSON' }, { cause })
  }
  return check(validate, value)
}
