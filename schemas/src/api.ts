/**
 * Bodies of the HTTP API (DESIGN 9). Requests are closed (`additionalProperties: false`), answers are
 * written through these schemas, and the PWA imports the types. Times are ISO UTC, ids 26 characters.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { buttonsSchema } from './buttons.ts'
import { commandNames, commandStatuses, safetyClasses } from './commands.ts'
import { deviceStateSchema, deviceStatuses } from './device-state.ts'
import {
  agentStatuses,
  baseUrlSchema,
  credentialsSchema,
  deviceKinds,
  driverKinds,
  roles,
} from './devices.ts'
import { suggestionSchema } from './discovery.ts'
import { eventTypes, type StreamKind, streamKinds } from './events.ts'
import { sessionAccesses, signIns } from './grant.ts'
import { idPattern } from './ids.ts'
import { turnDirections } from './passages.ts'
import { fileFactsSchema, printFileName } from './print-files.ts'
import { secondPersonSchema } from './second-person.ts'
import { sitePolicySchema } from './site-policy.ts'

const closed = { additionalProperties: false }
const id = Type.String({ pattern: idPattern })
const name = Type.String({ minLength: 1, maxLength: 80, pattern: '\\S' })
const time = Type.String({ format: 'date-time' })
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const list = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) })

/** RFC 9457 problem details; `code` is a key of the error table. */
export const problemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.Optional(Type.String()),
  /** Where the request is wrong, JSON pointer. */
  at: Type.Optional(Type.String()),
  correlationId: Type.String(),
})
export type Problem = Static<typeof problemSchema>

export const idParams = Type.Object({ id })

// Accounts
const email = Type.String({
  minLength: 3,
  maxLength: 254,
  pattern: '^[^\\s@\\u0000-\\u001f]+@[^\\s@\\u0000-\\u001f]+$',
})
export const registerBody = Type.Object(
  {
    email,
    password: Type.String({ maxLength: 200 }),
    name: Type.Optional(name),
    tenantName: Type.Optional(name),
  },
  closed,
)
export const loginBody = Type.Object({ email, password: Type.String({ maxLength: 200 }) }, closed)
export const userSchema = Type.Object({
  id,
  email: Type.String(),
  name: Type.String(),
  role: Type.Enum(roles),
  tenantId: id,
  tenantName: Type.String(),
  /** null: all installations of the tenant. */
  installationIds: nullable(Type.Array(id)),
  language: Type.Enum(['pt-BR', 'en']),
})
export type User = Static<typeof userSchema>
export const signedInSchema = Type.Object({
  token: Type.String(),
  expiresAt: time,
  user: userSchema,
})
export type SignedIn = Static<typeof signedInSchema>
export const createUserBody = Type.Object(
  {
    email,
    password: Type.String({ maxLength: 200 }),
    name,
    role: Type.Enum(roles),
    installationIds: Type.Optional(nullable(Type.Array(id, { maxItems: 500 }))),
  },
  closed,
)
export const changeUserBody = Type.Object(
  {
    role: Type.Optional(Type.Enum(roles)),
    installationIds: Type.Optional(nullable(Type.Array(id, { maxItems: 500 }))),
    disabled: Type.Optional(Type.Boolean()),
  },
  closed,
)
/** It cannot be undone. */
export const eraseUserBody = Type.Object({ confirm: Type.Optional(Type.Literal(true)) }, closed)
export const changeMeBody = Type.Object(
  { name: Type.Optional(name), language: Type.Optional(Type.Enum(['pt-BR', 'en'])) },
  closed,
)
export const changePasswordBody = Type.Object(
  { password: Type.String({ maxLength: 200 }), newPassword: Type.String({ maxLength: 200 }) },
  closed,
)
export const userList = list(userSchema)

// Agents
export const agentStateSchema = Type.Object({
  status: Type.Enum(agentStatuses),
  agentId: nullable(id),
  name: nullable(Type.String()),
  version: nullable(Type.String()),
  lastHeartbeatAt: nullable(time),
  externalIp: nullable(Type.String()),
  /** Since when the status holds. */
  since: nullable(time),
  /** As the agent stated at pairing what its site allows; null: everything. */
  policy: nullable(Type.Object({ rules: sitePolicySchema, digest: Type.String() })),
  /** `pairingExpiresAt` while a code is live, key thumbprint, and the last heartbeat's host facts. */
  metadata: Type.Record(Type.String(), Type.Unknown()),
})
export type AgentState = Static<typeof agentStateSchema>
export const pairingCodeSchema = Type.Object({ code: Type.String(), expiresAt: time })
export type PairingCode = Static<typeof pairingCodeSchema>
const okpKey = (crv: string) =>
  Type.Object({
    kty: Type.Literal('OKP'),
    crv: Type.Literal(crv),
    x: Type.String({ pattern: '^[\\w-]{43}$' }),
  })
export const pairBody = Type.Object(
  {
    /** 8 symbols, dashes and case ignored. */
    code: Type.String({ maxLength: 16 }),
    publicKey: okpKey('Ed25519'),
    /** X25519 key to which device credentials are sealed; without it the agent gets none. */
    encryptionKey: Type.Optional(okpKey('X25519')),
    hostname: Type.String({ minLength: 1, maxLength: 200 }),
    name: Type.Optional(name),
    version: Type.Optional(Type.String({ maxLength: 40 })),
    os: Type.Optional(Type.String({ maxLength: 200 })),
    /** What the site allows, and the agent's signature under it. */
    policy: Type.Optional(sitePolicySchema),
    policyProof: Type.Optional(Type.String({ maxLength: 2_048 })),
  },
  closed,
)
export const agentTokenSchema = Type.Object({
  agentId: id,
  tenantId: id,
  installationId: id,
  token: Type.String(),
  expiresAt: time,
  endpoints: Type.Object({ wsUrl: Type.String(), apiUrl: Type.String() }),
  /** Ed25519 public keys (JWK) that sign commands and device lists. */
  serverKeys: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  /** Server clock, ms since 1970. */
  serverTime: Type.Number(),
})
export type AgentToken = Static<typeof agentTokenSchema>
/** `proof`: JWS with the agent's key, claims `proofClaimsSchema`. */
export const renewBody = Type.Object(
  { agentId: id, proof: Type.String({ maxLength: 2048 }) },
  closed,
)

// Installations
export const installationBody = Type.Object(
  { name, customer: Type.Optional(Type.String({ maxLength: 80 })) },
  closed,
)
export const changeInstallationBody = Type.Partial(installationBody, closed)
export const installationSchema = Type.Object({
  id,
  name: Type.String(),
  slug: Type.String(),
  customer: Type.String(),
  createdAt: time,
  agent: agentStateSchema,
  deviceCount: Type.Integer(),
})
export type Installation = Static<typeof installationSchema>
export const installationList = list(installationSchema)

// Devices
const timeouts = Type.Object(
  {
    connectMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 60_000 })),
    firstByteMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 600_000 })),
    idleMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 3_600_000 })),
    /** 0: none. */
    totalMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
  },
  closed,
)
export const deviceBody = Type.Object(
  {
    name,
    kind: Type.Enum(deviceKinds),
    driver: Type.Enum(driverKinds),
    baseUrl: baseUrlSchema,
    viaAgent: Type.Boolean(),
    /** Further ports of the device, beside the one of `baseUrl`. */
    targets: Type.Optional(
      Type.Array(Type.Object({ port: Type.Integer({ minimum: 1, maximum: 65_535 }) }, closed), {
        maxItems: 16,
      }),
    ),
    credentials: Type.Optional(nullable(credentialsSchema)),
    /** Of the driver `http`, through the agent. */
    buttons: Type.Optional(buttonsSchema),
    /** `agent`: it signs in to the device's own page with the credentials. Default `person`. */
    signIn: Type.Optional(Type.Enum(signIns)),
    recording: Type.Optional(Type.Enum(['strict', 'relaxed'])),
    capture: Type.Optional(Type.Enum(['heads', 'bodies', 'dom'])),
    timeouts: Type.Optional(timeouts),
    maxConcurrent: Type.Optional(Type.Integer({ minimum: 1, maximum: 128 })),
  },
  closed,
)
export type DeviceBody = Static<typeof deviceBody>
export const changeDeviceBody = Type.Partial(deviceBody, closed)
export const deviceCommandSchema = Type.Object({
  name: Type.Enum(commandNames),
  safety: Type.Enum(safetyClasses),
  args: Type.Record(Type.String(), Type.Unknown()),
  expiresInMs: Type.Integer(),
  /** The customer's policy wants a second person for it. */
  needsApproval: Type.Boolean(),
})
export const deviceSchema = Type.Object({
  id,
  installationId: id,
  name: Type.String(),
  slug: Type.String(),
  kind: Type.Enum(deviceKinds),
  driver: Type.Enum(driverKinds),
  baseUrl: Type.String(),
  viaAgent: Type.Boolean(),
  targets: Type.Array(Type.Object({ port: Type.Integer() })),
  hasCredentials: Type.Boolean(),
  buttons: buttonsSchema,
  signIn: Type.Enum(signIns),
  recording: Type.Enum(['strict', 'relaxed']),
  capture: Type.Enum(['heads', 'bodies', 'dom']),
  timeouts: Type.Object({
    connectMs: Type.Integer(),
    firstByteMs: Type.Integer(),
    idleMs: Type.Integer(),
    totalMs: Type.Optional(Type.Integer()),
  }),
  maxConcurrent: Type.Integer(),
  createdAt: time,
  /** As last recorded; null: its agent has never said. */
  status: nullable(Type.Enum(deviceStatuses)),
  commands: Type.Optional(Type.Array(deviceCommandSchema)),
})
export type Device = Static<typeof deviceSchema>
export const deviceList = list(deviceSchema)
/** What the device's agent said last; null: nothing since this node started. */
export const knownStateSchema = Type.Object({
  state: nullable(deviceStateSchema),
  at: nullable(time),
})
export type KnownState = Static<typeof knownStateSchema>
export const historyQuery = Type.Object(
  { from: Type.Optional(time), to: Type.Optional(time) },
  closed,
)
/** Per series `[ms since 1970, value]`, oldest first, at most 300 points each. */
export const historySchema = Type.Object({
  series: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.Number(), Type.Number()]))),
})
export type DeviceHistory = Static<typeof historySchema>

// Cameras
/** `snapshots`: one picture a second, for whoever has little to spend. */
export const cameraQuery = Type.Object(
  { mode: Type.Optional(Type.Enum(['stream', 'snapshots'])) },
  closed,
)
// Discovery
export const foundSchema = Type.Object({
  ...suggestionSchema.properties,
  /** The device that is registered here with this address; null: none. */
  deviceId: nullable(id),
})
export type Found = Static<typeof foundSchema>
export const discoverySchema = Type.Object({ items: Type.Array(foundSchema) })

// API proxy
export const proxyBody = Type.Object(
  {
    method: Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
    path: Type.String({ pattern: '^/', maxLength: 8_192 }),
    headers: Type.Optional(
      Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 8_192 })),
    ),
    /** Text, a JSON value (sent as application/json), or base64 with `bodyEncoding: 'base64'`. */
    body: Type.Optional(Type.Unknown()),
    bodyEncoding: Type.Optional(Type.Enum(['utf8', 'base64'])),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 120_000 })),
  },
  closed,
)
export type ProxyBody = Static<typeof proxyBody>
export const proxyAnswer = Type.Object({
  statusCode: Type.Integer(),
  /** `set-cookie` and other repeated names as arrays. */
  headers: Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())])),
  body: Type.String(),
  bodyEncoding: Type.Enum(['utf8', 'base64']),
})
export type ProxyAnswer = Static<typeof proxyAnswer>

// Remote sessions
export const openSessionBody = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: 200 })),
    ttlSeconds: Type.Optional(Type.Integer({ minimum: 30, maximum: 14_400 })),
    mode: Type.Optional(Type.Enum(['host', 'path'])),
    /** `readonly`: only what changes nothing passes. Default `full`. */
    access: Type.Optional(Type.Enum(sessionAccesses)),
  },
  closed,
)
export const openedSessionSchema = Type.Object({
  sessionId: id,
  url: Type.String(),
  expiresAt: time,
})
export type OpenedSession = Static<typeof openedSessionSchema>
export const extendSessionBody = Type.Object(
  { ttlSeconds: Type.Optional(Type.Integer({ minimum: 30, maximum: 14_400 })) },
  closed,
)
export const sessionStatuses = ['ACTIVE', 'EXPIRED', 'CLOSED', 'REVOKED', 'DENIED'] as const
export const sessionSchema = Type.Object({
  id,
  installationId: id,
  deviceId: id,
  userId: id,
  userName: Type.String(),
  deviceName: Type.String(),
  installationName: Type.String(),
  reason: Type.String(),
  mode: Type.Enum(['host', 'path']),
  access: Type.Enum(sessionAccesses),
  status: Type.Enum(sessionStatuses),
  openedAt: time,
  expiresAt: time,
  endedAt: nullable(time),
  endReason: nullable(Type.String()),
  requests: Type.Integer(),
  bytesIn: Type.Integer(),
  bytesOut: Type.Integer(),
})
export type Session = Static<typeof sessionSchema>
export const sessionList = list(sessionSchema)

// Files for printers
export const fileQuery = Type.Object({ name: printFileName }, closed)
export const keptFileSchema = Type.Object({ id, ...fileFactsSchema.properties, expiresAt: time })
export type KeptFile = Static<typeof keptFileSchema>

// Commands
export const commandBody = Type.Object(
  {
    command: Type.Enum(commandNames),
    args: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    expiresInMs: Type.Optional(Type.Integer({ minimum: 500, maximum: 600_000 })),
    confirm: Type.Optional(Type.Boolean()),
  },
  closed,
)
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
export const approvalSchema = Type.Object({
  ...commandStateSchema.properties,
  deviceName: Type.String(),
  installationName: Type.String(),
})
export type Approval = Static<typeof approvalSchema>
export const approvalList = list(approvalSchema)

// Policy of the customer
export const policySchema = Type.Object({ secondPerson: secondPersonSchema }, closed)
export type Policy = Static<typeof policySchema>

// Passages
export const passagesQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
  },
  closed,
)
export const passageItemSchema = Type.Object({
  id,
  outcome: Type.Enum(['passed', 'gave-up', 'denied', 'missed']),
  /** When it happened, by the agent's clock. */
  at: time,
  direction: Type.Optional(Type.Enum(turnDirections)),
  way: Type.Optional(Type.Enum(['entry', 'exit'])),
  deviceUserId: Type.Optional(Type.String()),
  /** The command that released it. */
  commandId: Type.Optional(id),
})
export type PassageItem = Static<typeof passageItemSchema>
export const passageItemList = list(passageItemSchema)

// Audit
export const auditQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    cursor: Type.Optional(Type.String({ maxLength: 64 })),
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
  },
  closed,
)
export const auditEventSchema = Type.Object({
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
export const auditSessionQuery = Type.Object(
  { after: Type.Optional(Type.Integer({ minimum: 0 })) },
  closed,
)
/** `nextAfter`: there are more events, asked for with `?after=`. */
export const auditSessionSchema = Type.Object({
  session: sessionSchema,
  events: Type.Array(auditEventSchema),
  nextAfter: Type.Optional(Type.Integer()),
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
export const exportQuery = Type.Object(
  { ...auditQuery.properties, format: Type.Enum(['csv', 'jsonl', 'bundle']) },
  closed,
)

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
