/** A checkpoint on its way to an agent that keeps it, and what the agent says to it (ADR 23). */
import { type Static, Type } from 'typebox'
import { maxKeyChanges } from './evidence/key-changes.ts'

const note = Type.String({ maxLength: 4_096 })
const size = Type.Integer({ minimum: 0 })

/** `cmd/checkpoint`. Its signature is in the note. */
export const checkpointOrderSchema = Type.Object(
  {
    note,
    /** Size of the log that `proof` begins with: what this agent has last confirmed; 0: nothing. */
    from: size,
    /** RFC 6962, base64: the log of the note begins with that of `from`. */
    proof: Type.Array(Type.String({ maxLength: 44 }), { maxItems: 64 }),
    /** How the keys that sign came to be the ones of today (`followKeys`). */
    keys: Type.Array(note, { maxItems: maxKeyChanges }),
  },
  { additionalProperties: false },
)
export type CheckpointOrder = Static<typeof checkpointOrderSchema>

/**
 * Why an agent does not confirm: signed by no key that it knows; of another log; shorter than the one that it keeps, or not a
 * continuation of it.
 */
export const refusalReasons = ['signature', 'origin', 'shorter', 'inconsistent'] as const
export type RefusalReason = (typeof refusalReasons)[number]

/** On `ack`. With neither `cosignature` nor `refused` the agent wants a proof from `size` on. */
export const checkpointReportSchema = Type.Object(
  {
    kind: Type.Literal('checkpoint'),
    /** Of the log that the agent has confirmed, now or before; 0: none. */
    size,
    /** The line that it adds to the note of that size (c2sp.org/tlog-cosignature). */
    cosignature: Type.Optional(Type.String({ maxLength: 400 })),
    refused: Type.Optional(
      Type.Object(
        {
          reason: Type.Enum(refusalReasons),
          /** What it was shown; 0: nothing that could be read. */
          shown: size,
          /** What it keeps. */
          note,
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type CheckpointReport = Static<typeof checkpointReportSchema>
