/** Commands to devices: held, approved, issued, and what became of them. */
import { Type } from 'typebox'
import { commandNames } from '../commands.ts'
import { fileFactsSchema } from '../print-files.ts'
import { count, data, id, milliseconds, optional, text, time } from './fields.ts'

const orderFields = {
  command: Type.Enum(commandNames),
  args: Type.Record(Type.String(), Type.Unknown()),
  safety: text,
  seq: count,
  idempotencyKey: text,
  body: optional(fileFactsSchema),
  /** The agent carries it out with the registered credentials. */
  usesCredentials: optional(Type.Literal(true)),
}

export const command = {
  /** It waits for a second person; `expiresInMs` counts from the approval. */
  CommandHeld: data({
    ...orderFields,
    requestedBy: id,
    lapsesAt: time,
    expiresInMs: milliseconds,
    /** Digest of what it would do: the device's address and driver, and its button. Only that is approved. */
    wouldDo: optional(text),
  }),
  /** CommandIssued follows in the same append. */
  CommandApproved: data({}),
  CommandRejected: data({}),
  CommandLapsed: data({}),
  CommandIssued: data({ ...orderFields, expiresAt: time }),
  CommandDelivered: data({ agentTime: time }),
  CommandStarted: data({ agentTime: time }),
  /** Of a long one, in steps of ten. */
  CommandProgressed: data({ percent: count, agentTime: time }),
  CommandSucceeded: data({
    confirmed: Type.Boolean(),
    agentTime: time,
    durationMs: optional(milliseconds),
    /** What the device calls the file that it was given. */
    file: optional(text),
  }),
  CommandFailed: data({ errorCode: text, detail: optional(text), agentTime: time }),
  CommandRefused: data({ errorCode: text, detail: optional(text), agentTime: optional(time) }),
  CommandExpired: data({ errorCode: text, agentTime: optional(time) }),
  CommandUnknown: data({ errorCode: text, detail: optional(text) }),
  CommandOutcomeLearned: data({
    outcome: text,
    confirmed: optional(Type.Boolean()),
    errorCode: optional(text),
    agentTime: time,
  }),
}
