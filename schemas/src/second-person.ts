import { type Static, Type } from 'typebox'
import { approvableClasses } from './commands.ts'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })

/** Which commands need a second person: of these classes, or of these devices. */
export const secondPersonSchema = Type.Object(
  {
    safety: Type.Array(Type.Enum(approvableClasses), { uniqueItems: true }),
    deviceIds: Type.Array(id, { uniqueItems: true, maxItems: 500 }),
  },
  { additionalProperties: false },
)
export type SecondPerson = Static<typeof secondPersonSchema>
