/** The log itself: who reads it, where else it goes, how long it is kept, who signs it. */
import { Type } from 'typebox'
import { feedKinds } from '../feeds.ts'
import { holdScopes } from '../retention.ts'
import { count, data, id, optional, text, time } from './fields.ts'

export const audit = {
  /** Somebody looks at a session again; `userId`: whose it was. */
  SessionReplayed: data({ userId: id }),
  /** Said once in five minutes for each reader and question. */
  AuditQueried: data({
    /** `body`: captured bodies and recordings of one session or request. `live`: what a live stream had missed. */
    list: Type.Enum(['events', 'event', 'sessions', 'session', 'state', 'body', 'live']),
    filter: Type.Record(Type.String(), Type.Unknown()),
  }),
  AuditExported: data({
    format: text,
    filter: Type.Record(Type.String(), Type.Unknown()),
  }),
  /** In the stream of its `AuditExported`: the file that went out. `broken`: at most so much of one that is no whole. */
  AuditExportEnded: data({
    outcome: Type.Enum(['complete', 'broken']),
    events: count,
    bytes: count,
    sha256: text,
  }),
}

/** The address itself may hold a secret: it is not in the log. */
const feedFields = { name: text, kind: Type.Enum(feedKinds), host: text }

export const feed = {
  AuditFeedAdded: data(feedFields),
  AuditFeedChanged: data({ ...feedFields, isEnabled: Type.Boolean() }),
  AuditFeedRemoved: data({}),
  /** Somebody wants to see this very event arrive. */
  AuditFeedTested: data({}),
  /** The other side has not taken anything for a while; what follows `position` waits. */
  AuditFeedFailing: data({ errorCode: text, position: count }),
}

export const retention = {
  /** null: everything is kept. */
  RetentionChanged: data({ days: Type.Union([count, Type.Null()]) }),
  LegalHoldPlaced: data({
    holdId: id,
    scope: Type.Enum(holdScopes),
    /** Of `all` absent. */
    id: optional(id),
    reason: text,
  }),
  LegalHoldLifted: data({ holdId: id }),
  /**
   * From now on these events are gone but for their leaves. Each span: first and last place in this log, first and last position.
   * `until`: they are older than this.
   */
  RetentionApplied: data({
    days: count,
    until: time,
    events: count,
    spans: Type.Array(Type.Tuple([count, count, count, count])),
  }),
}

export const system = {
  ServerStarted: data({ version: text, nodeId: id }),
  /** The node's clock: what it would have said, and what it said. */
  ClockStepped: data({ from: time, to: time }),
  /** It signs checkpoints and manifests from now on; Ed25519, 32 bytes, base64. */
  EvidenceKeyAdded: data({ publicKey: text }),
  /** It signs nothing any more. */
  EvidenceKeyRetired: data({ publicKey: text }),
  /** Never written: what readers get in place of an event whose text is not what was hashed. */
  EventAltered: data({}),
}
