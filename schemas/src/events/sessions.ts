/** Remote sessions: from the request to the end, with what passed and what was refused. */
import { Type } from 'typebox'
import { bodyFactsSchema } from '../captured.ts'
import { sessionAccesses } from '../grant.ts'
import { type GapCause, gapCauses } from '../recording-gaps.ts'
import { count, data, id, milliseconds, optional, text, time } from './fields.ts'

const totals = Type.Object(
  { requests: count, bytesIn: count, bytesOut: count },
  { additionalProperties: false },
)

/** Absent: `full`. */
const sessionAccess = optional(Type.Enum(sessionAccesses))

export const session = {
  SessionRequested: data({
    purpose: text,
    ttlSeconds: count,
    mode: Type.Enum(['host', 'path']),
    access: sessionAccess,
    clientIp: text,
    userAgent: text,
  }),
  SessionOpened: data({
    expiresAt: time,
    endsAtLatest: time,
    mode: Type.Enum(['host', 'path']),
    access: sessionAccess,
    recordingLevel: text,
    targetOrigin: text,
  }),
  SessionDenied: data({ errorCode: text }),
  /** Somebody was turned away at its address; `count`: of this kind, since the last such fact. */
  SessionAttempted: data({ errorCode: text, method: text, path: text, count }),
  SessionExtended: data({ expiresAt: time, idempotencyKey: optional(text) }),
  SessionClosed: data({ reason: text, totals }),
  SessionExpired: data({ reason: text, totals }),
  SessionRevoked: data({ reason: text, totals }),
  HttpRequestForwarded: data({
    requestId: id,
    method: text,
    path: text,
    headers: Type.Array(text),
  }),
  /** Not forwarded: the session does not allow it. */
  HttpRequestRefused: data({ requestId: id, method: text, path: text, errorCode: text }),
  HttpResponseReceived: data({
    requestId: id,
    status: Type.Integer(),
    headers: Type.Array(text),
    requestBody: bodyFactsSchema,
    responseBody: bodyFactsSchema,
    durationMs: milliseconds,
    firstByteMs: milliseconds,
  }),
  HttpExchangeFailed: data({
    requestId: id,
    stage: Type.Enum(['gateway', 'agent', 'device', 'browser', 'crash']),
    errorCode: text,
    durationMs: optional(milliseconds),
    responseBytes: optional(count),
  }),
  /** Some seconds of what the page showed; `digest` of the bytes that `ref` names, times by the node's clock. */
  DomRecordingStored: data({
    ...{ ref: text, digest: text, bytes: count, events: count },
    ...{ firstAt: time, lastAt: time },
  }),
  /** What the page showed is not in the recording: from the last that is until the last that should be, `parts` of it. */
  RecordingGapDetected: data({
    cause: Type.Enum(Object.keys(gapCauses) as GapCause[]),
    ...{ from: time, to: time, parts: count },
  }),
  /** From now on the agent signs the session's requests in with the registered credentials. */
  DeviceCredentialsUsed: data({}),
  WebSocketOpened: data({ requestId: id, path: text, headers: Type.Array(text) }),
  WebSocketClosed: data({
    requestId: id,
    code: Type.Integer(),
    framesIn: count,
    framesOut: count,
    bytesIn: count,
    bytesOut: count,
  }),
}
