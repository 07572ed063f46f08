/** What does not fit its schema is never stored. */
import { compile } from '@travessia/schemas/compile'
import { type EventType, eventSchemas } from '@travessia/schemas/events'

const validators = new Map(
  Object.entries(eventSchemas).map(([type, schema]) => [type, compile(schema)]),
)

/** @throws TypeError that names the first wrong place */
export function requireValidFact(fact: { readonly type: EventType; readonly data: unknown }): void {
  const validate = validators.get(fact.type)
  if (validate?.(fact.data)) return
  const [first] = validate?.errors ?? []
  throw new TypeError(
    `${fact.type}${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`,
  )
}
