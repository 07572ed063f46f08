/** What auditors read, replay and export. */
import { type Static, Type } from 'typebox'
import { eventTypes, type StreamKind, streamKinds } from '../events.ts'
import { gapFields } from '../integrity.ts'
import { closed, id, list, time } from './fields.ts'
import { sessionSchema } from './sessions.ts'

export const auditQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    cursor: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,14}$' })),
    from: Type.Optional(time),
    to: Type.Optional(time),
    type: Type.Optional(Type.Enum(eventTypes)),
    /** All types of one kind of stream. */
    kind: Type.Optional(Type.Enum(Object.keys(streamKinds) as StreamKind[])),
    installationId: Type.Optional(id),
    deviceId: Type.Optional(id),
    userId: Type.Optional(id),
    sessionId: Type.Optional(id),
  },
  closed,
)
const { type: _type, kind: _kind, sessionId: _sessionId, ...ofSessions } = auditQuery.properties
export const auditSessionsQuery = Type.Object(
  {
    ...ofSessions,
    /** Those that somebody could use at this moment. */
    activeAt: Type.Optional(time),
    /** Something is missing in their recording, or not. */
    hasGaps: Type.Optional(Type.Boolean()),
  },
  closed,
)
const auditEventSchema = Type.Object({
  position: Type.Integer(),
  logIndex: Type.Integer(),
  id,
  type: Type.Enum(eventTypes),
  at: time,
  streamId: Type.String(),
  version: Type.Integer(),
  actor: Type.Object({
    type: Type.Enum(['user', 'agent', 'system']),
    id: Type.String(),
    name: Type.Optional(Type.String()),
  }),
  installationId: Type.Optional(id),
  deviceId: Type.Optional(id),
  agentId: Type.Optional(id),
  sessionId: Type.Optional(id),
  commandId: Type.Optional(id),
  correlationId: Type.String(),
  /** One sentence in the reader's language. */
  summary: Type.String(),
  data: Type.Record(Type.String(), Type.Unknown()),
})
export type AuditEvent = Static<typeof auditEventSchema>
export const auditEventList = list(auditEventSchema)
/** Its place in the log, as people read it after `#`. */
export const auditEventParams = Type.Object({
  logIndex: Type.String({ pattern: '^(0|[1-9]\\d{0,14})$' }),
})
/** One event, and what proves it to who believes one of these keys (`evidence/event-check.ts`). */
export const eventProofSchema = Type.Object({
  logIndex: Type.Integer(),
  origin: Type.String(),
  keys: Type.Array(Type.String()),
  /** Absent: it has expired, or somebody has taken it out. */
  event: Type.Optional(auditEventSchema),
  /** Exactly as it is kept: what is about a person is sealed in it, as in a bundle. */
  text: Type.Optional(Type.String()),
  /** Its hash, base64; also of an event that has expired. Absent: it was there, and is gone. */
  leaf: Type.Optional(Type.String()),
  /** Absent: nothing that is signed covers it yet, which takes a second. */
  proof: Type.Optional(
    Type.Object({
      /** From the leaf to the root; empty also where the log does not lead there any more. */
      path: Type.Array(Type.String()),
      /** The newest checkpoint, and when this server signed it. */
      note: Type.String(),
      at: time,
    }),
  ),
})
export type EventProof = Static<typeof eventProofSchema>
export const auditSessionQuery = Type.Object(
  { after: Type.Optional(Type.Integer({ minimum: 0 })) },
  closed,
)
/**
 * On the first page also what its person commanded of the device meanwhile. The gaps are the session's own. `nextAfter`: there are
 * more events, asked for with `?after=`; `hasMoreCommands`: and more commands, which `GET /api/audit/events` gives.
 */
export const auditSessionSchema = Type.Object({
  session: sessionSchema,
  ...gapFields,
  events: Type.Array(auditEventSchema),
  nextAfter: Type.Optional(Type.Integer()),
  hasMoreCommands: Type.Optional(Type.Literal(true)),
})
/** Whom events of the audit may be by. */
export const auditPeopleSchema = list(Type.Object({ id, name: Type.String() }))
/** That somebody looks at a session again is in the log. */
export const replaySchema = Type.Object({ id })
export type AuditSession = Static<typeof auditSessionSchema>
/** What checks this tenant's checkpoints and bundles; `keys` as `npm run verify -- --key` takes them. */
export const auditKeysSchema = Type.Object({
  origin: Type.String(),
  keys: Type.Array(Type.String()),
})
const { limit: _all, ...ofEvents } = auditQuery.properties
const { activeAt, hasGaps } = auditSessionsQuery.properties
/** With `activeAt` or `hasGaps`: all events of the sessions that the list of sessions has for it; a type narrows them. */
export const exportQuery = Type.Object(
  { ...ofEvents, activeAt, hasGaps, format: Type.Enum(['csv', 'jsonl', 'bundle']) },
  closed,
)
