/**
 * Every fact of Travessia, past tense, grouped by the kind of stream it lives in (STORE 3.3).
 * `eventSchemas` is the only list: types, checks, and the compiler's exhaustive switches come from it.
 */
import { type Static, type TProperties, Type } from 'typebox'
import { buttonsSchema } from './buttons.ts'
import { bodyFactsSchema } from './captured.ts'
import { approvableClasses, commandNames } from './commands.ts'
import { deviceStatuses } from './device-state.ts'
import { deviceKinds, driverKinds, roles } from './devices.ts'
import { feedKinds } from './feeds.ts'
import { sessionAccesses, signIns } from './grant.ts'
import { idPattern } from './ids.ts'
import { denialReasons, passageLists, turnDirections } from './passages.ts'
import { fileFactsSchema } from './print-files.ts'
import { sitePolicySchema } from './site-policy.ts'
import { refusalReasons } from './witness.ts'

const id = Type.String({ pattern: idPattern })
const text = Type.String()
const time = Type.String({ format: 'date-time' })
const count = Type.Integer({ minimum: 0 })
const milliseconds = Type.Number({ minimum: 0 })
const data = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })
const optional = Type.Optional
const totals = Type.Object(
  { requests: count, bytesIn: count, bytesOut: count },
  { additionalProperties: false },
)
/** Absent: `full`. */
const sessionAccess = optional(Type.Enum(sessionAccesses))
const deviceFields = {
  name: text,
  slug: text,
  kind: Type.Enum(deviceKinds),
  driver: Type.Enum(driverKinds),
  baseUrl: text,
  viaAgent: Type.Boolean(),
  ports: Type.Array(Type.Integer()),
  recording: Type.Enum(['strict', 'relaxed']),
  capture: Type.Enum(['heads', 'bodies', 'dom']),
  maxConcurrent: Type.Integer(),
  timeouts: Type.Object({
    connectMs: milliseconds,
    firstByteMs: milliseconds,
    idleMs: milliseconds,
    /** Absent or 0: none. */
    totalMs: optional(milliseconds),
  }),
  hasCredentials: Type.Boolean(),
  buttons: optional(buttonsSchema),
  /** Absent: `person`. */
  signIn: optional(Type.Enum(signIns)),
}

const session = {
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
  SessionExtended: data({ expiresAt: time }),
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
    /** Batches of this session that were refused since the one before. */
    refused: optional(count),
    /** The session has used up what may be recorded of it. */
    isLast: optional(Type.Boolean()),
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

const command = {
  /** It waits for a second person; `expiresInMs` counts from the approval. */
  CommandHeld: data({
    ...orderFields,
    requestedBy: id,
    lapsesAt: time,
    expiresInMs: milliseconds,
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

const agent = {
  PairingCodeIssued: data({ expiresAt: time }),
  AgentEnrolled: data({ name: text, hostname: text, version: text, ip: text, keyThumbprint: text }),
  /** What its site lets it do, signed by the agent; enforced there. */
  AgentPolicyStated: data({ policy: sitePolicySchema, digest: text, proof: text }),
  AgentConnected: data({ version: text, ip: text, bootId: text, hostname: text }),
  AgentDisconnected: data({
    reason: Type.Enum(['connection-lost', 'stopped', 'revoked', 'node-restart', 'token-expired']),
  }),
  AgentTokenRenewed: data({ reason: text }),
  /** On site; without `until`: until somebody resumes it there. */
  AgentPaused: data({ until: optional(time) }),
  AgentResumed: data({}),
  /** It keeps a checkpoint of `keptSize` events, and what it was shown is not its continuation (ADR 23). */
  WitnessRefused: data({ reason: Type.Enum(refusalReasons), keptSize: count, shownSize: count }),
  AgentRevoked: data({ reason: text }),
  /** It was told to look around in its network; no other time before `againAt`. */
  DiscoveryRequested: data({ discoveryId: id, againAt: time }),
  /** How much it found; the suggestions themselves were the answer. */
  DiscoveryFinished: data({ discoveryId: id, found: count, errorCode: optional(text) }),
}

const device = {
  DeviceRegistered: data(deviceFields),
  DeviceChanged: data(deviceFields),
  DeviceRemoved: data({}),
  /** What its agent says of it has changed; `file`: of the print job. */
  DeviceStateChanged: data({
    status: Type.Enum(deviceStatuses),
    detail: optional(text),
    file: optional(text),
  }),
  /** Sealed to this agent; from now on its driver watches the device with them. */
  DeviceCredentialsDelivered: data({ agentId: id, credentialsVersion: count }),
}

const camera = {
  /** Somebody looks from now on; durable before the first byte. `snapshots`: one picture a second, for narrow links. */
  CameraViewOpened: data({ mode: Type.Enum(['stream', 'snapshots']) }),
  /** Without counts: the node stopped meanwhile, and nobody counted. */
  CameraViewClosed: data({
    reason: text,
    frames: optional(count),
    bytes: optional(count),
    durationMs: optional(milliseconds),
  }),
  /** One picture was asked for; said once in five minutes for each person and camera. */
  CameraSnapshotRequested: data({}),
}

/** By the device's own clock, and when that was by the agent's. `deviceUserId`: as the device numbers its people. */
const passageTimes = { deviceTime: optional(time), agentTime: time, deviceUserId: optional(text) }
const passage = {
  PassageConfirmed: data({
    direction: Type.Enum(turnDirections),
    /** Absent: the device does not say which rotation is the entry. */
    way: optional(Type.Enum(['entry', 'exit'])),
    ...passageTimes,
  }),
  PassageGivenUp: data(passageTimes),
  /** By the device itself: a card, a face, a code that it does not let in. */
  PassageDenied: data({ reason: Type.Enum(denialReasons), ...passageTimes }),
  /** Of the device's own list rows are gone that nobody has read; without `count` it began anew. */
  PassagesMissed: data({ list: Type.Enum(passageLists), count: optional(count), agentTime: time }),
}

/** A file for a device, kept at the server for a while. */
const file = {
  FileUploaded: data({ ...fileFactsSchema.properties, expiresAt: time }),
  FileRemoved: data({ name: text, reason: Type.Enum(['sent', 'expired']) }),
}

const installation = {
  InstallationCreated: data({ name: text, slug: text, customer: text }),
  InstallationChanged: data({ name: text, slug: text, customer: text }),
  InstallationRemoved: data({}),
}

const access = {
  TenantCreated: data({ name: text }),
  UserRegistered: data({ userId: id, name: text }),
  UserSignedIn: data({ userId: id, clientIp: text }),
  SignInFailed: data({ userId: optional(id), clientIp: text }),
  UserSignedOut: data({ userId: id }),
  PasswordChanged: data({ userId: id }),
  RoleGranted: data({
    userId: id,
    role: Type.Enum(roles),
    installationIds: optional(Type.Array(id)),
  }),
  RoleRevoked: data({ userId: id }),
  /** The key of what the log and the blobs hold of this person is destroyed from now on. */
  SubjectErased: data({ userId: id }),
  AccessDenied: data({ errorCode: text, method: text, path: text }),
}

/** Which commands need a second person: of these classes, or of these devices. */
export const secondPersonSchema = Type.Object(
  {
    safety: Type.Array(Type.Enum(approvableClasses), { uniqueItems: true }),
    deviceIds: Type.Array(id, { uniqueItems: true, maxItems: 500 }),
  },
  { additionalProperties: false },
)
export type SecondPerson = Static<typeof secondPersonSchema>

const policy = {
  PolicyChanged: data({ secondPerson: secondPersonSchema }),
}

const audit = {
  /** Somebody looks at a session again; `userId`: whose it was. */
  SessionReplayed: data({ userId: id }),
  /** Said once in five minutes for each reader and question. */
  AuditQueried: data({
    list: Type.Enum(['events', 'sessions', 'session', 'state']),
    filter: Type.Record(Type.String(), Type.Unknown()),
  }),
  AuditExported: data({
    format: text,
    filter: Type.Record(Type.String(), Type.Unknown()),
  }),
}

/** The address itself may hold a secret: it is not in the log. */
const feedFields = { name: text, kind: Type.Enum(feedKinds), host: text }
const feed = {
  AuditFeedAdded: data(feedFields),
  AuditFeedChanged: data({ ...feedFields, isEnabled: Type.Boolean() }),
  AuditFeedRemoved: data({}),
  /** Somebody wants to see this very event arrive. */
  AuditFeedTested: data({}),
  /** The other side has not taken anything for a while; what follows `position` waits. */
  AuditFeedFailing: data({ errorCode: text, position: count }),
}

/** What a hold keeps: everything, or what has to do with one of these. */
export const holdScopes = ['all', 'installation', 'device', 'user', 'session'] as const
const retention = {
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

const system = {
  ServerStarted: data({ version: text, nodeId: id }),
  /** It signs checkpoints and manifests from now on; Ed25519, 32 bytes, base64. */
  EvidenceKeyAdded: data({ publicKey: text }),
  /** It signs nothing any more. */
  EvidenceKeyRetired: data({ publicKey: text }),
  RecordingGapDetected: data({ cause: text, from: time, to: time }),
}

/** Kind of each stream; a stream id is the id of what it is about. */
export const streamKinds = {
  session,
  command,
  agent,
  device,
  camera,
  passage,
  file,
  installation,
  access,
  policy,
  audit,
  feed,
  retention,
  system,
} as const
export type StreamKind = keyof typeof streamKinds

export const eventSchemas = {
  ...session,
  ...command,
  ...agent,
  ...device,
  ...camera,
  ...passage,
  ...file,
  ...installation,
  ...access,
  ...policy,
  ...audit,
  ...feed,
  ...retention,
  ...system,
}
export type EventType = keyof typeof eventSchemas
export const eventTypes = Object.keys(eventSchemas) as EventType[]

/** A fact as deciders make it: type and data. */
export type Fact<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly data: Static<(typeof eventSchemas)[K]> }
}[T]
export type SessionFact = Fact<keyof typeof session>
export type CommandFact = Fact<keyof typeof command>
export type AgentFact = Fact<keyof typeof agent>
export type DeviceFact = Fact<keyof typeof device>
export type CameraFact = Fact<keyof typeof camera>
export type PassageFact = Fact<keyof typeof passage>
export type FileFact = Fact<keyof typeof file>
export type InstallationFact = Fact<keyof typeof installation>
export type AccessFact = Fact<keyof typeof access>
export type RetentionFact = Fact<keyof typeof retention>
export type FeedFact = Fact<keyof typeof feed>
export type PolicyFact = Fact<keyof typeof policy>

/** Who did it. `id`: user, agent or node id. */
export type Actor = { readonly type: 'user' | 'agent' | 'system'; readonly id: string }

/** What surrounds a fact: where, who, when, and what it belongs to. */
export type EventContext = {
  readonly actor: Actor
  /** When it happened, ISO UTC. */
  readonly at: string
  readonly installationId?: string
  readonly deviceId?: string
  readonly agentId?: string
  readonly sessionId?: string
  readonly commandId?: string
  readonly causationId?: string
  readonly correlationId: string
}

/** A fact as the log keeps it. `position` is dense over the log, `logIndex` dense per tenant, `version` per stream. */
export type RecordedEvent<T extends EventType = EventType> = EventContext &
  Fact<T> & {
    readonly id: string
    readonly tenantId: string
    readonly streamKind: StreamKind
    readonly streamId: string
    readonly version: number
    readonly schemaVersion: number
    readonly recordedAt: string
    readonly position: number
    readonly logIndex: number
  }

/** The types that live in one kind of stream. */
export function typesOfKind(kind: StreamKind): EventType[] {
  return Object.keys(streamKinds[kind]) as EventType[]
}

/** The kind of stream that a type belongs to. */
export function streamKindOf(type: EventType): StreamKind {
  for (const kind of Object.keys(streamKinds) as StreamKind[])
    if (Object.hasOwn(streamKinds[kind], type)) return kind
  throw new TypeError(`no stream kind for ${type}`)
}
