/** Validators for values that cross a process border. */
import { Ajv, type ValidateFunction } from 'ajv'
import type { Static, TSchema } from 'typebox'
import type { Validator } from './check.ts'

const ajv = new Ajv({
  formats: { 'date-time': (text: string) => !Number.isNaN(Date.parse(text)) },
  // The schemas are ours: compiling the schema of schemas costs a start more than all of them.
  ...{ meta: false, validateSchema: false },
})

/** Compiled at the first value: all schemas at once would cost every start a quarter of a second. */
export function compile<T extends TSchema>(schema: T): Validator<Static<T>> {
  let compiled: ValidateFunction | undefined
  const validate: Validator<Static<T>> = (value): value is Static<T> => {
    compiled ??= ajv.compile(schema)
    const isValid = compiled(value)
    validate.errors = compiled.errors ?? null
    return isValid
  }
  return validate
}
