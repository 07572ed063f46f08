/** Files on their way to a printer: what is said of one instead of its bytes. */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'
import { maxFileBytes, printFilePattern } from './print-file-rules.ts'

export const printFileName = Type.String({ maxLength: 127, pattern: printFilePattern })

/** Signed in the order, written in the log: never the bytes. */
export const fileFactsSchema = Type.Object(
  {
    name: printFileName,
    length: Type.Integer({ minimum: 1, maximum: maxFileBytes }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  { additionalProperties: false },
)
export type FileFacts = Static<typeof fileFactsSchema>

/** Head of a tunnel stream that brings the bytes of a command (`cmd/command` has signed their facts). */
export const bodyHeadSchema = Type.Object(
  { commandId: Type.String({ pattern: idPattern }) },
  { additionalProperties: false },
)
export type BodyHead = Static<typeof bodyHeadSchema>
