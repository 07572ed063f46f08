/** What does not fit its schema is never stored. */
import { type EventType, eventSchemas } from '@travessia/schemas/events'
import { Ajv, type ValidateFunction } from 'ajv'

const ajv = new Ajv({ formats: { 'date-time': (text: string) => !Number.isNaN(Date.parse(text)) } })
const validators = new Map<string, ValidateFunction>()

/** @throws TypeError that names the first wrong place */
export function requireValidFact(fact: { readonly type: EventType; readonly data: unknown }): void {
  const validate = validators.get(fact.type) ?? compile(fact.type)
  if (validate(fact.data)) return
  const [first] = validate.errors ?? []
  throw new TypeError(
    `${fact.type}${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`,
  )
}

function compile(type: EventType): ValidateFunction {
  const validate = ajv.compile(eventSchemas[type])
  validators.set(type, validate)
  return validate
}
