import type { AgentState } from './agents.ts'
import type { AuditEvent } from './audit.ts'
import type { KnownState } from './devices.ts'

/** What `GET /api/events` sends as `data:` of `event: fact`; the SSE `id:` is the position. */
export type LiveFact = Pick<
  AuditEvent,
  | 'position'
  | 'type'
  | 'at'
  | 'actor'
  | 'installationId'
  | 'deviceId'
  | 'sessionId'
  | 'commandId'
  | 'summary'
  | 'data'
>
/** `event: state`, no id: not a fact. */
export type LiveState = { readonly deviceId: string } & KnownState
/** `event: heartbeat`, no id: not a fact. */
export type LiveHeartbeat = { readonly installationId: string; readonly agent: AgentState }
