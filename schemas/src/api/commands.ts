/** Commands with their files, the second person who approves them, and which need one. */
import { type Static, Type } from 'typebox'
import { commandNames, commandStatuses } from '../commands.ts'
import { turnDirections } from '../passages.ts'
import { fileFactsSchema, printFileName } from '../print-files.ts'
import { secondPersonSchema } from '../second-person.ts'
import { closed, id, list, nullable, time } from './fields.ts'

export const fileQuery = Type.Object({ name: printFileName }, closed)
export const keptFileSchema = Type.Object({ id, ...fileFactsSchema.properties, expiresAt: time })
export type KeptFile = Static<typeof keptFileSchema>

export const commandBody = Type.Object(
  {
    command: Type.Enum(commandNames),
    args: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    expiresInMs: Type.Optional(Type.Integer({ minimum: 500, maximum: 600_000 })),
    confirm: Type.Optional(Type.Boolean()),
  },
  closed,
)
/**
 * When the person acted: ms since 1970 by the server's clock, as its answers say it (`x-travessia-now`). The command
 * lives from then on; without it, from its arrival.
 */
export const actHeaders = Type.Object({
  'x-travessia-acted-at': Type.Optional(Type.Integer({ minimum: 0 })),
})
/** `awaiting`: a second person must approve it until `expiresAt`. */
export const issuedCommandSchema = Type.Object({
  commandId: id,
  status: Type.Enum(['issued', 'awaiting']),
  expiresAt: time,
})
export type IssuedCommand = Static<typeof issuedCommandSchema>
export const commandStateSchema = Type.Object({
  id,
  deviceId: id,
  installationId: id,
  userId: id,
  userName: Type.String(),
  command: Type.String(),
  args: Type.Record(Type.String(), Type.Unknown()),
  status: Type.Enum(commandStatuses),
  confirmed: nullable(Type.Boolean()),
  errorCode: nullable(Type.String()),
  detail: nullable(Type.String()),
  /** Of a command that brings a file. */
  body: nullable(fileFactsSchema),
  /** How much of it is done, while it runs; null: not said. */
  percent: nullable(Type.Integer()),
  /** What the device calls the file that it was given. */
  file: nullable(Type.String()),
  /** The second person, who approved or rejected it. */
  decidedByName: nullable(Type.String()),
  issuedAt: time,
  expiresAt: time,
  endedAt: nullable(time),
})
export type CommandState = Static<typeof commandStateSchema>
export const commandList = list(commandStateSchema)
/** What waits for a second person, of all that the reader sees. */
const approvalSchema = Type.Object({
  ...commandStateSchema.properties,
  deviceName: Type.String(),
  installationName: Type.String(),
  /** The rotation that is the device's entry, where it says so. */
  entry: Type.Optional(Type.Enum(turnDirections)),
})
export type Approval = Static<typeof approvalSchema>
export const approvalList = list(approvalSchema)

export const policySchema = Type.Object({ secondPerson: secondPersonSchema }, closed)
export type Policy = Static<typeof policySchema>
