/** What a recorded page sends: rrweb events in batches. It is a device's page that says it, so it is checked for shape only. */
import { type Static, Type } from 'typebox'

/** Of one message, as JSON. */
export const maxBatchBytes = 1024 * 1024
const maxBatchEvents = 5_000
/** Of one event: what fits into so many messages is recorded. */
export const maxPieces = 16

/** One for each time a page is loaded. */
const page = Type.String({ pattern: '^[0-9a-z]{1,32}$' })
const closed = { additionalProperties: false }

const domBatchSchema = Type.Object(
  {
    page,
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
  closed,
)
export type DomBatch = Static<typeof domBatchSchema>

/** A part of the JSON text of an event that is too large for one message. `event` numbers those of a page. */
const domPieceSchema = Type.Object(
  {
    page,
    piece: Type.Object(
      {
        event: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
        index: Type.Integer({ minimum: 0, maximum: maxPieces - 1 }),
        count: Type.Integer({ minimum: 1, maximum: maxPieces }),
        text: Type.String({ minLength: 1 }),
      },
      closed,
    ),
  },
  closed,
)
export type DomPiece = Static<typeof domPieceSchema>

/** The recorder could not send what it had seen. */
const domLossSchema = Type.Object(
  { page, lost: Type.Enum(['too-large', 'unsent', 'broken']) },
  closed,
)

export const domMessageSchema = Type.Union([domBatchSchema, domPieceSchema, domLossSchema])
export type DomMessage = Static<typeof domMessageSchema>
