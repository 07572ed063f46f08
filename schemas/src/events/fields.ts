/** What the data of events is made of: closed objects, ISO times, counts. */
import { type TProperties, Type } from 'typebox'
import { idPattern } from '../ids.ts'

export const id = Type.String({ pattern: idPattern })
export const text = Type.String()
export const time = Type.String({ format: 'date-time' })
export const count = Type.Integer({ minimum: 0 })
export const milliseconds = Type.Number({ minimum: 0 })
export const data = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })
export const optional = Type.Optional
