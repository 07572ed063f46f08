/** What a recorded page sends: rrweb events in batches. It is a device's page that says it, so it is checked for shape only. */
import { type Static, Type } from 'typebox'

/** Of one batch, as JSON. */
export const maxBatchBytes = 1024 * 1024
export const maxBatchEvents = 5_000

export const domBatchSchema = Type.Object(
  {
    /** One for each time a page is loaded. */
    page: Type.String({ pattern: '^[0-9a-z]{1,32}$' }),
    /** `timestamp`: ms since 1970 by the browser's clock; `data` means what it means to rrweb. */
    events: Type.Array(
      Type.Object({
        type: Type.Integer({ minimum: 0, maximum: 6 }),
        timestamp: Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 }),
        data: Type.Unknown(),
      }),
      { minItems: 1, maxItems: maxBatchEvents },
    ),
  },
  { additionalProperties: false },
)
export type DomBatch = Static<typeof domBatchSchema>
