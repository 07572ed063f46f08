/** What the bodies of the HTTP API are made of. Requests are closed; times are ISO UTC, ids 26 characters. */
import { type TSchema, Type } from 'typebox'
import { idPattern } from '../ids.ts'

export const closed = { additionalProperties: false }
export const id = Type.String({ pattern: idPattern })
export const name = Type.String({ minLength: 1, maxLength: 80, pattern: '\\S' })
/** Without leap seconds, which `Date` does not know. */
export const time = Type.String({ format: 'date-time', pattern: ':[0-5]\\d[.Zz+-]' })
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const list = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) })

export const idParams = Type.Object({ id })
