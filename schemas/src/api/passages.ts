/** Who passed at a gate. */
import { type Static, Type } from 'typebox'
import { turnDirections } from '../passages.ts'
import { closed, id, list, time } from './fields.ts'

export const passagesQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  },
  closed,
)
const passageItemSchema = Type.Object({
  id,
  outcome: Type.Enum(['passed', 'gave-up', 'denied', 'missed']),
  /** When it happened, by the agent's clock. */
  at: time,
  direction: Type.Optional(Type.Enum(turnDirections)),
  way: Type.Optional(Type.Enum(['entry', 'exit'])),
  deviceUserId: Type.Optional(Type.String()),
  /** The command that released it. */
  commandId: Type.Optional(id),
})
export type PassageItem = Static<typeof passageItemSchema>
export const passageItemList = list(passageItemSchema)
