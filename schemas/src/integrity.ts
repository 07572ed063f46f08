/** What a node says of its own log: to be shown beside it, and no proof; a bundle is. */
import { type Static, Type } from 'typebox'

const integrityStatuses = ['intact', 'damaged', 'unsigned'] as const
/** Of the recording, at most 200. */
export const gapFields = { gaps: Type.Integer(), hasMoreGaps: Type.Boolean() }
export const integritySchema = Type.Object({
  /** `damaged`: the log is not what was signed. `unsigned`: nothing was signed yet. */
  status: Type.Enum(integrityStatuses),
  /** Where it was found to be another one, if that is known. */
  damagedAt: Type.Optional(Type.Integer()),
  /** How many events the newest checkpoint covers: #0 to #{size - 1}. */
  size: Type.Integer(),
  signedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  ...gapFields,
  /** Agents that keep up with the log (ADR 23): so many confirm its first `size` events. */
  witnesses: Type.Object({ agents: Type.Integer(), size: Type.Integer() }),
})
export type Integrity = Static<typeof integritySchema>
export type Gaps = Pick<Integrity, keyof typeof gapFields>
