/** How every refusal of the API is answered. */
import { type Static, Type } from 'typebox'

/** RFC 9457 problem details; `code` is a key of the error table. */
export const problemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.Optional(Type.String()),
  /** Where the request is wrong, JSON pointer. */
  at: Type.Optional(Type.String()),
  correlationId: Type.String(),
})
export type Problem = Static<typeof problemSchema>
